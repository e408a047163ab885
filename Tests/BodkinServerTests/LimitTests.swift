import BodkinBroker
import BodkinCore
import BodkinProtocols
import BodkinServer
import FoundationEssentials
import NIOCore
import Testing

/// What peers that leave things half done cost the server. Memory is measured in a process of its own, in which no other test runs.
@Suite("Limits of a server", .serialized, .timeLimit(.minutes(1)))
struct LimitTests {
    /// Quotas that hold nobody back.
    private static let generous = Quotas(
        everyone: Quota(
            connections: 100, registrations: 100, dialsPerSecond: 100_000, dialBurst: 100_000, circuits: 20_000, relayedBytesPerSecond: 1e9,
            messagesPerSecond: 1e9, bufferedBytes: 1 << 30))

    private static func bearAll(_ configuration: inout RendezvousServer.Configuration) {
        configuration.quotas = generous
        configuration.limits.messagesPerSecond = 1e9
        configuration.limits.dialsToOnePeerPerSecond = 1e6
    }

    /// Resident bytes of this process.
    static var resident: Int {
        let status = FileManager.default.contents(atPath: "/proc/self/status").map { String(decoding: $0, as: UTF8.self) } ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return (line?.split(separator: " ").compactMap { Int($0) }.first ?? 0) * 1024
    }

    #if os(Linux)
    @Test("ten thousand half-finished circuits cost bounded memory, and the next one is as good as the first")
    func halfFinished() async {
        await #expect(processExitsWith: .success) {
            try await withServer(Self.bearAll) { listening in
                let called = try await TestPeer.registered(listening)
                let dialer = try await TestPeer.registered(listening, admission: .nobody)
                let early = String(repeating: "e", count: 4_096)
                let before = Self.resident
                for _ in 0..<100 {
                    let attempts = (0..<100).map { _ in AttemptID.random() }
                    for attempt in attempts { dialer.send(dialer.dial(called.id, attempt, early: early)) }
                    for _ in attempts {
                        let meet = try await called.meet()
                        called.send(called.answer(try #require(AttemptID(bytes: meet.attempt))))
                        _ = try await dialer.meet()
                    }
                }
                // Both ends' and the server's; the first flights, 40 MB, are kept by nobody.
                let cost = Self.resident - before
                #expect(cost < 20 << 20, "\(cost >> 10) KiB")
                let attempt = AttemptID.random()
                dialer.send(dialer.dial(called.id, attempt))
                _ = try await called.meet()
                called.send(called.answer(attempt), called.data(attempt, [1, 2, 3]))
                _ = try await dialer.meet()
                #expect(try await dialer.data().data == Data([1, 2, 3]))
            }
        }
    }

    @Test("circuits that their reader never reads cost their windows, and no more")
    func unread() async {
        await #expect(processExitsWith: .success) {
            try await withServer(Self.bearAll) { listening in
                let called = try await TestPeer.registered(listening)
                let dialer = try await TestPeer.registered(listening, admission: .nobody)
                let attempts = (0..<100).map { _ in AttemptID.random() }
                for attempt in attempts {
                    dialer.send(dialer.dial(called.id, attempt))
                    _ = try await called.meet()
                    called.send(called.answer(attempt))
                    _ = try await dialer.meet()
                }
                try await called.channel.setOption(.autoRead, value: false).get()
                let before = Self.resident
                let piece = [UInt8](repeating: 1, count: 16_384)
                for attempt in attempts {
                    for _ in 0..<16 { dialer.send(dialer.data(attempt, piece)) }
                    dialer.send(.ping(WirePing()))
                    guard case .pong? = await dialer.next() else { throw TestPeer.Unexpected(wanted: "a pong", got: nil) }
                }
                let cost = Self.resident - before
                #expect(cost < 40 << 20, "\(cost >> 10) KiB for 25 MiB in windows")
                dialer.send(dialer.data(attempts[0], [1]))
                #expect(try await dialer.circuitClosed().reason == .violation)
            }
        }
    }
    #endif

    @Test("a peer that reads nothing takes no more than 1 MiB of what others send it: what comes then fails, and they are told")
    func deaf() async throws {
        try await withServer(Self.bearAll) { listening in
            let called = try await TestPeer.registered(listening)
            let dialer = try await TestPeer.registered(listening, admission: .nobody)
            try await called.channel.setOption(.autoRead, value: false).get()
            let early = String(repeating: "e", count: 4_096)
            for _ in 0..<8_000 { dialer.send(dialer.dial(called.id, early: early)) }
            var failure: WireDialFailed?
            var meets = 0
            while failure == nil, let message = await dialer.next() {
                switch message {
                case .dialFailed(let failed): failure = failed
                case .meet: meets += 1
                default: break
                }
            }
            #expect(failure?.reason == .unresponsive)
            // The kernel's buffers, 10 MB at most, come on top.
            #expect(meets > 200 && meets < 5_000, "\(meets) Meets of 4 KiB")
        }
    }
}
