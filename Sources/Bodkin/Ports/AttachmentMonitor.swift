import BodkinCore

/// Decides which changes of the system's network concern the peer.
///
/// ```
///             uplinks differ: networkChanged
///   ┌──────────────────────────────────────────┐
///   ▼                                          │
/// settled ──only told addresses differ──▶ (long since the last announcement) candidatesChanged ──▶ settled
///   ▲                                          │
///   │                                          ▼ (too soon)
///   └──────told addresses as before──────── waiting ──deadline──▶ candidatesChanged ──▶ settled
/// ```
struct AttachmentMonitor: ~Copyable {
    /// An event that the driver reports.
    enum Input {
        /// The system's network is like this now; the peer's connections have these local addresses.
        case attachments(Attachments, used: Set<IPAddress>)
        case timeout
    }

    /// A thing that the driver is to do.
    enum Action: Equatable {
        /// The ways out have changed: connections may be dead, and what was known of the NAT is known no more.
        case networkChanged
        /// Remote peers may reach this one at other addresses; its own connections are as they were.
        case candidatesChanged
    }

    /// The least time between two announcements of addresses that no connection uses: devices come and go several times a second where containers are run.
    static let announcementInterval = Duration.seconds(10)

    /// The latest attachments.
    private(set) var current: Attachments
    private var announced: [IPAddress]
    private var lastAnnouncement: Instant?
    /// When the announcement is due that came too soon; nil where none waits.
    private(set) var deadline: Instant?
    private var actions: [Action] = []
    private let includesTunnels: Bool

    /// A monitor of a network that is like this now.
    init(_ attachments: Attachments, includingTunnels includesTunnels: Bool = false) {
        current = attachments
        self.includesTunnels = includesTunnels
        announced = attachments.told(using: [], includingTunnels: includesTunnels)
    }

    mutating func handle(_ input: Input, at now: Instant) {
        switch input {
        case .attachments(let present, let used):
            let hasMoved = present.uplinks(using: used) != current.uplinks(using: used)
            current = present
            guard hasMoved else { return compare(at: now) }
            announced = told
            deadline = nil
            actions.append(.networkChanged)
        case .timeout:
            guard let deadline, now >= deadline else { return }
            self.deadline = nil
            compare(at: now)
        }
    }

    mutating func nextAction() -> Action? { actions.isEmpty ? nil : actions.removeFirst() }

    /// An address in use is part of an uplink, and not of this.
    private var told: [IPAddress] { current.told(using: [], includingTunnels: includesTunnels) }

    private mutating func compare(at now: Instant) {
        let told = told
        guard Set(told) != Set(announced) else { return deadline = nil }
        if let lastAnnouncement, now - lastAnnouncement < Self.announcementInterval {
            deadline = lastAnnouncement + Self.announcementInterval
            return
        }
        announced = told
        lastAnnouncement = now
        deadline = nil
        actions.append(.candidatesChanged)
    }
}
