import BodkinCore

/// Whether one dial may fire: after its port was replaced the remote peer fires first.
///
/// ```
///             replaced                  announced              an interval later: fire
///    free ─────────────▶ untold ──────────────────────▶ told ───────────────────────────▶ free
///     ▲                    │  │ announced before the Meet ▲ Meet
///     │                    │  └──────▶ toldEarly ─────────┘
///     └── limit: fire ─────┴──────────────┘
/// ```
///
/// A NAT that has forgotten the former port's mapping at an RST would forget the fresh one's in the same way. So the remote peer, as soon as it is told of the fresh
/// port, opens its own NAT first, which then answers no RST. Every wait has an end, whatever messages come or do not come.
struct FiringHold {
    /// An event that the driver reports.
    enum Input {
        /// The dial's port is another one now. The remote peer should know of it within the limit.
        case replaced(limit: Duration)
        /// The remote peer is told of the port and of what the server sees of it.
        case announced
        /// The two are to meet: both fire at `start`, and again after each interval.
        case meet(start: Instant, interval: Duration)
        case timeout
    }

    /// A thing that the driver is to do.
    enum Action: Equatable {
        /// Fire now at whatever was held back.
        case fire
    }

    private enum Phase {
        case free
        case untold(until: Instant)
        case toldEarly(until: Instant)
        case told(until: Instant)
    }

    private var phase = Phase.free
    private var interval: Duration?
    private var action: Action?
    /// Whether a refusal may be answered by a SYN at once. After the port was replaced in the middle of a meeting each RST might cost its mapping again.
    private(set) var allowsVolleys = true

    /// Whether nothing may be fired now.
    var isHolding: Bool { deadline != nil }

    /// When to call ``handle(_:at:)`` with a timeout; nil where nothing is held.
    var deadline: Instant? {
        switch phase {
        case .free: nil
        case .untold(let until), .toldEarly(let until), .told(let until): until
        }
    }

    mutating func handle(_ input: Input, at now: Instant) {
        switch (input, phase) {
        case (.replaced(let limit), _):
            phase = .untold(until: now + limit)
            allowsVolleys = false
        case (.announced, .untold(let until)):
            phase = if let interval { .told(until: now + interval) } else { .toldEarly(until: until) }
        case (.announced, _): break
        case (.meet(let start, let interval), _):
            self.interval = interval
            // Whatever was lost before was not lost at this meeting.
            allowsVolleys = true
            if case .toldEarly = phase { phase = .told(until: max(start, now) + interval) }
        case (.timeout, _):
            guard let deadline, now >= deadline else { return }
            phase = .free
            action = .fire
        }
    }

    mutating func nextAction() -> Action? {
        defer { action = nil }
        return action
    }
}
