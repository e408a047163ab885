import BodkinCore
import BodkinSystem
import BodkinTransport
import NIOCore

/// The driver of ``AttachmentMonitor``: it looks at the system's network whenever that may have changed. Confined to its event loop.
final class AttachmentDriver {
    /// An event that concerns the rest of the peer.
    enum Event {
        /// The interfaces and routes that lead out are others than before, or the machine has slept. Only these addresses are assigned now.
        case networkChanged(assigned: Set<IPAddress>, isOtherNetwork: Bool)
        /// Remote peers may reach this one at other addresses; its own connections are as they were.
        case candidatesChanged
        /// The machine has slept for so long.
        case woke(after: Duration)
    }

    /// What is less was no sleep.
    private static let leastSleep = Duration.seconds(1)

    private let system: any HostSystem
    private let clock: PeerClock
    private let includesTunnels: Bool
    /// Returns the local addresses of the peer's connections.
    private let usedAddresses: () -> Set<IPAddress>
    private let onEvent: (Event) -> Void
    private var machine = AttachmentMonitor(Attachments(interfaces: [], routes: []))
    private var timer = DeadlineTimer()
    /// How long the machine had been suspended when that was last looked at.
    private var suspendedTime = Duration.zero
    /// Ends the watch for changes of the network.
    private var endWatch: (() -> Void)?

    init(
        of system: any HostSystem, clock: PeerClock, includingTunnels includesTunnels: Bool, usedAddresses: @escaping () -> Set<IPAddress>,
        onEvent: @escaping (Event) -> Void
    ) {
        (self.system, self.clock, self.includesTunnels) = (system, clock, includesTunnels)
        (self.usedAddresses, self.onEvent) = (usedAddresses, onEvent)
    }

    /// The system's network, as it was last looked at.
    var attachments: Attachments { machine.current }

    /// The addresses that remote peers are told of, the likeliest to be of use first.
    func toldAddresses(of families: [IPAddress.Family]) -> [IPAddress] {
        attachments.told(using: usedAddresses(), of: families, includingTunnels: includesTunnels)
    }

    /// Begins to watch the system's network.
    func begin() {
        suspendedTime = system.suspendedTime()
        endWatch = system.watch(on: clock.eventLoop) { [weak self] change in self?.noticed(change) }
        machine = AttachmentMonitor(Attachments(of: system), includingTunnels: includesTunnels)
    }

    /// Ends everything.
    func close() {
        endWatch?()
        endWatch = nil
        timer.cancel()
    }

    /// The system says that something has changed.
    private func noticed(_ change: NetworkWatch.Change) {
        guard endWatch != nil, let assigned = system.assignedAddresses() else { return }
        var present = Attachments(of: system)
        let used = usedAddresses()
        // A list that a change has interrupted may lack entries: a second look tells.
        if present.uplinks(using: used) != attachments.uplinks(using: used) { present = Attachments(of: system) }
        let slept = system.suspendedTime() - suspendedTime
        if slept >= Self.leastSleep {
            suspendedTime += slept
            onEvent(.woke(after: slept))
        }
        machine.handle(.attachments(present, used: used), at: clock.now)
        let isOtherNetwork = performActions()
        guard isOtherNetwork || change == .clock else { return }
        onEvent(.networkChanged(assigned: assigned, isOtherNetwork: isOtherNetwork))
    }

    /// Performs the machine's actions, and waits for its deadline. Returns whether the ways out have changed.
    @discardableResult
    private func performActions() -> Bool {
        var isOtherNetwork = false
        while let action = machine.nextAction() {
            switch action {
            case .networkChanged: isOtherNetwork = true
            case .candidatesChanged: onEvent(.candidatesChanged)
            }
        }
        timer.set(to: machine.deadline, by: clock) { [weak self] in
            guard let self, self.endWatch != nil else { return }
            self.machine.handle(.timeout, at: self.clock.now)
            self.performActions()
        }
        return isOtherNetwork
    }
}
