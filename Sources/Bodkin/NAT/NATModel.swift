import BodkinCore
import BodkinPrediction
import BodkinProtocols
import BodkinSystem

/// The knowledge of a peer about the NAT in front of it: how the NAT gives out ports, which of them the peer may still take, and after what silence the NAT forgets.
///
/// ```
///             the reserved port is not kept           samples
///  unsampled ──────────────────────────────▶ sampling ───────▶ known
///      ▲                                        ▲ │ they explain nothing: three times at most
///      │                                        └─┘
///      └───────────── the network has changed, or somebody asks for better samples ────────────┘
/// ```
/// One model describes one interface and one transport. It has no socket and no clock: samples are an input, and sampling is an action.
struct NATModel {
    /// The peer's present link to the Internet.
    struct Attachment {
        /// The reserved port; nil while there is none.
        var reservedPort: UInt16?
        /// The reserved port's endpoint as the server sees it; nil while the server sees none.
        var observed: Endpoint?
        /// The default routes, by which a network is known again.
        var routes: [DefaultRoute] = []
        /// The host's own addresses.
        var addresses: Set<IPAddress> = []
        /// The server's STUN endpoints at its first address.
        var stunEndpoints: [Endpoint] = []
    }

    /// An event that the driver reports.
    enum Input {
        /// The reserved port may have another external endpoint than before.
        case attached(Attachment)
        /// The network has changed: what was known of its NAT holds no more.
        case networkChanged
        /// Somebody asks, and what is known explains nothing: other samples may.
        case betterSamplesWanted(Attachment)
        /// The samples of the plan of this number.
        case sampled(UInt64, [AllocationSample], Attachment)
        /// Connections are begun that may take so many ports of the NAT.
        case tookPorts(Int)
        /// A direct path came up because a new remote address was given another port than the server's.
        case addressDependenceShown
        /// A connection from a local address has answered, or died, after a silence.
        case answered(after: Duration, from: IPAddress)
        case died(after: Duration, from: IPAddress)
        /// The peer has registered, and the network may be examined as soon as nobody dials.
        case registered(Attachment)
        /// A dial is under way: connections of an examination would pass for somebody else's at a NAT that counts.
        case dialing
        /// The examination of this number has ended.
        case examined(UInt64, NetworkProfile, Attachment)
        /// The deadline has come.
        case timeout
    }

    /// A thing that the driver is to do.
    enum Action {
        /// Send the probes of a plan, and hand in what they show.
        case sample(SamplingPlan, UInt64)
        /// Tell the attachment again: what was sampled belonged to another network.
        case reattach
        /// More is known of the ports of the peer's next connections.
        case forecastChanged
        /// Examine the network, unless a dial is under way.
        case examine(UInt64)
        /// End the examination.
        case cancelExamination
        /// Publish what is known of the network.
        case publish(NetworkProfile)
    }

    /// The bounds of what the model does.
    struct Configuration {
        /// Whether ports are predicted, so that the allocator is sampled.
        var samplesAllocator = true
        /// Whether the network is examined in the background, and after how long without a dial.
        var examinationDelay: Duration?
    }

    /// The background examination of the network.
    enum Examination: Equatable {
        case idle
        case waiting(until: Instant)
        case running(UInt64)
    }

    let configuration: Configuration
    /// How the NAT gives out ports, where it does not keep the reserved one; nil before that is known. In a network that is known from before it is what was found
    /// there, until samples are in.
    var allocation: AllocationProfile?
    /// Whether ``allocation`` was sampled since the network changed.
    var isSampled = false
    /// The plan under way.
    var sampling: UInt64?
    /// Whether the plan under way began in another network.
    var isSamplingStale = false
    /// How many plans have come to nothing since the network changed.
    var samplingCount = 0
    var allocations = NetworkMemory<AllocationProfile>()
    /// The rest of what is known of the network.
    var networkProfile: NetworkProfile?
    var networkProfiles = NetworkMemory<NetworkProfile>()
    var examination = Examination.idle
    var portBlock = PortBlockBudget()
    var keepalives: [IPAddress: KeepaliveSearch] = [:]
    /// The number of the latest plan or examination.
    var number: UInt64 = 0
    var actions: [Action] = []

    /// A model that knows nothing yet.
    init(_ configuration: Configuration) { self.configuration = configuration }

    /// Takes an input at a moment.
    mutating func handle(_ input: Input, at now: Instant) {
        switch input {
        case .attached(let attachment): sampleIfUseful(attachment, at: now)
        case .networkChanged: forget()
        case .betterSamplesWanted(let attachment):
            guard sampling == nil, allocation?.estimate.allocation == .unknown else { return }
            (isSampled, samplingCount) = (false, 0)
            sampleIfUseful(attachment, at: now)
        case .sampled(let number, let samples, let attachment): sampled(number, samples, attachment, at: now)
        case .tookPorts(let count): portBlock.took(count, at: now.sinceStart)
        case .addressDependenceShown: showAddressDependence()
        case .answered(let silence, let address): updateKeepalive(address) { $0.answered(after: silence) }
        case .died(let silence, let address): updateKeepalive(address) { $0.died(after: silence) }
        case .registered(let attachment): examineWhenQuiet(attachment, at: now)
        case .dialing: postponeExamination(at: now)
        case .examined(let number, let profile, let attachment): examined(number, profile, attachment)
        case .timeout: examineIfDue(at: now)
        }
    }

    /// The next thing to do; nil when nothing is left.
    mutating func nextAction() -> Action? { actions.isEmpty ? nil : actions.removeFirst() }

    /// When to hand in ``Input/timeout``.
    var deadline: Instant? { if case .waiting(let time) = examination { time } else { nil } }

    mutating func nextNumber() -> UInt64 {
        number += 1
        return number
    }

    private mutating func forget() {
        (allocation, isSampled, samplingCount) = (nil, false, 0)
        isSamplingStale = sampling != nil
        networkProfile = nil
        endExamination()
    }
}
