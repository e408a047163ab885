import BodkinCore
import BodkinSystem
import Testing

@testable import Bodkin

/// Which changes of the network the peer follows, in virtual time.
@Suite("attachment monitor")
struct AttachmentMonitorTests {
    private static let bridge = AttachmentRelevanceTests.interface("br7", .container, "172.27.0.1/16")
    private static let adapter = AttachmentRelevanceTests.interface("eth1", .adapter, "10.0.0.2/24")

    private static func attachments(_ more: NetworkInterface...) -> Attachments {
        Attachments(interfaces: more + [AttachmentRelevanceTests.ethernet], routes: [AttachmentRelevanceTests.route("eth0")])
    }

    /// What a monitor does while the network alternates between two states, five times a second for a minute; and when.
    private static func churn(_ first: Attachments, _ second: Attachments) -> [(action: AttachmentMonitor.Action, at: Instant)] {
        var monitor = AttachmentMonitor(attachments())
        var result: [(AttachmentMonitor.Action, Instant)] = []
        for step in 0..<600 {
            let now = Instant.start + .milliseconds(100) * step
            if let deadline = monitor.deadline, deadline <= now { monitor.handle(.timeout, at: deadline) }
            monitor.handle(.attachments(step.isMultiple(of: 2) ? first : second, used: []), at: now)
            while let action = monitor.nextAction() { result.append((action, now)) }
        }
        return result
    }

    @Test("bridges that come and go for a minute are nothing to it")
    func bridges() {
        #expect(Self.churn(Self.attachments(Self.bridge), Self.attachments()).isEmpty)
    }

    @Test("an adapter that comes and goes is announced once in ten seconds at most, and no connection suffers for it")
    func adapters() {
        let actions = Self.churn(Self.attachments(Self.adapter), Self.attachments())
        #expect(!actions.isEmpty && actions.count <= 7)
        #expect(actions.allSatisfy { $0.action == .candidatesChanged })
        #expect(zip(actions, actions.dropFirst()).allSatisfy { $1.at - $0.at >= AttachmentMonitor.announcementInterval })
    }

    @Test("an adapter that stays is announced at once, and one that came too soon after when its time has come")
    func announced() {
        var monitor = AttachmentMonitor(Self.attachments())
        monitor.handle(.attachments(Self.attachments(Self.adapter), used: []), at: .start)
        #expect(monitor.nextAction() == .candidatesChanged)
        monitor.handle(.attachments(Self.attachments(), used: []), at: .start + .seconds(1))
        #expect(monitor.nextAction() == nil)
        let deadline = monitor.deadline
        #expect(deadline == .start + .seconds(10))
        monitor.handle(.timeout, at: .start + .seconds(9))
        #expect(monitor.nextAction() == nil, "not yet")
        monitor.handle(.timeout, at: .start + .seconds(10))
        #expect(monitor.nextAction() == .candidatesChanged)
        #expect(monitor.nextAction() == nil && monitor.deadline == nil)
    }

    @Test("an adapter that is back before its absence was announced is nothing new")
    func back() {
        var monitor = AttachmentMonitor(Self.attachments())
        monitor.handle(.attachments(Self.attachments(Self.adapter), used: []), at: .start)
        _ = monitor.nextAction()
        monitor.handle(.attachments(Self.attachments(), used: []), at: .start + .seconds(1))
        monitor.handle(.attachments(Self.attachments(Self.adapter), used: []), at: .start + .seconds(2))
        #expect(monitor.nextAction() == nil && monitor.deadline == nil)
    }

    @Test("another address of a way out is a change at once, whatever was announced just before")
    func moved() throws {
        var monitor = AttachmentMonitor(Self.attachments())
        monitor.handle(.attachments(Self.attachments(Self.adapter), used: []), at: .start)
        _ = monitor.nextAction()
        let moved = Attachments(
            interfaces: [AttachmentRelevanceTests.interface("eth0", .adapter, "192.168.1.9/24")], routes: [AttachmentRelevanceTests.route("eth0")])
        monitor.handle(.attachments(moved, used: []), at: .start + .milliseconds(1))
        #expect(monitor.nextAction() == .networkChanged)
        #expect(monitor.nextAction() == nil && monitor.deadline == nil && monitor.current == moved)
    }

    @Test("a bridge matters as long as a connection leaves by it")
    func used() throws {
        let address = try #require(IPAddress("172.27.0.1"))
        var monitor = AttachmentMonitor(Self.attachments(Self.bridge))
        monitor.handle(.attachments(Self.attachments(Self.bridge), used: [address]), at: .start)
        #expect(monitor.nextAction() == nil, "a connection has begun, and the network is as before")
        monitor.handle(.attachments(Self.attachments(), used: [address]), at: .start)
        #expect(monitor.nextAction() == .networkChanged)
    }
}
