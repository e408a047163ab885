import BodkinCore
import BodkinFuzzers
import BodkinProtocols
import NIOCore
import NIOEmbedded

@testable import Bodkin
@testable import BodkinProtocols
@testable import BodkinTransport

/// The two ends of one session on a clock of their own. They dial, probe and give up as they do in earnest; the paths die as they are told.
final class VirtualPeers {
    let loop = EmbeddedEventLoop()
    let ends: [SessionDriver]
    var random: SplitMix64
    private(set) var paths: [VirtualPath] = []
    /// What went wrong.
    var wrong: [String] = []
    /// The path that each end was last told to have moved to, as long as it is there.
    private var carriers: [Path?] = [nil, nil]
    /// How often an end lost the path that carried the session.
    private(set) var deaths = 0
    /// When each end called an answer late.
    private(set) var doubts: [[Duration]] = [[], []]
    /// What each end has learnt of the NATs' memory.
    private(set) var keepalives = [KeepaliveSearch(), KeepaliveSearch()]
    /// After what idle time NATs forget a path.
    var forgetsAfter: TimeAmount?
    /// Whether dials may come to nothing.
    var dialsFail = true
    /// The machines of the two ends, as they are shipped.
    private let machines: [Machine]
    private var timers: [Scheduled<Void>?] = [nil, nil]
    private var dials: [Remote.DialState] = []

    /// A machine of its own kind cannot be in an array.
    private final class Machine {
        var remote: Remote
        init(_ remote: consuming Remote) { self.remote = remote }
    }

    private var written = [0, 0]
    private(set) var read = [0, 0]

    private static let period = 20_011
    private static let content = ByteBuffer(bytes: (0..<80_000).map { UInt8(truncatingIfNeeded: ($0 % period) &* 31 &+ ($0 % period) >> 8) })

    init(seed: UInt64) throws {
        random = SplitMix64(state: seed)
        let peers = [PeerID(publicKey: [UInt8](repeating: 1, count: 32)), PeerID(publicKey: [UInt8](repeating: 2, count: 32))].compactMap { $0 }
        let (near, far, id) = (InstanceID.random(), InstanceID.random(), SessionID.random())
        ends = [
            SessionDriver(Session(role: .dialer, id: id, localInstance: near, remoteInstance: far), peer: peers[1], on: loop),
            SessionDriver(Session(role: .called, id: id, localInstance: far, remoteInstance: near), peer: peers[0], on: loop),
        ]
        machines = zip(peers, [near, far]).map { local, instance in
            Machine(
                Remote(
                    local == peers[0] ? peers[1] : peers[0],
                    Remote.Configuration(localPeer: local, localInstance: instance, pathlessLifetime: .seconds(60))))
        }
        for end in 0..<2 {
            ends[end].keepalive = { [unowned self] _ in keepalives[end].interval }
            ends[end].onEvent = { [unowned self] in handle($0, at: end) }
            readOn(end)
            feed(.session(id, .began(.start, .tcp)), end)
            feed(.session(id, .pathsChanged), end)
        }
        connect(.tcp)
    }

    /// The time since the beginning.
    var now: Duration { .nanoseconds((loop.now - .uptimeNanoseconds(0)).nanoseconds) }

    /// The path that an end sends on.
    func active(_ end: Int) -> VirtualPath? { paths.last { $0.ends[end].path === ends[end].activePath } }

    private func handle(_ event: SessionDriver.Event, at end: Int) {
        switch event {
        case .confirmed: tell(end, .confirmed)
        case .lostPath(_, _, let wasActive):
            deaths += wasActive ? 1 : 0
            if wasActive {
                carriers[end] = nil
                tell(end, .pathLost(endsProgram: false))
            }
        case .tookOver(let path):
            if carriers[end] === path { wrong.append("end \(end) has moved to where it was") }
            carriers[end] = path
            tell(end, .tookOver)
        case .survived(_, let silence): return keepalives[end].answered(after: silence)
        case .expired(_, let silence): return keepalives[end].died(after: silence)
        case .doubtful:
            doubts[end].append(now)
            return tell(end, .doubtful)
        case .stillSilent: return tell(end, .stillSilent)
        case .windowWanted, .fellSilent: return
        case .closed(let reason): return wrong.append("end \(end) is closed: \(reason)")
        }
        tell(end, .pathsChanged)
    }

    // MARK: The machines

    private func tell(_ end: Int, _ event: Remote.SessionEvent) { feed(.session(ends[end].id, event), end) }

    private func feed(_ input: Remote.Input, _ end: Int) {
        let driver = ends[end]
        let state = Remote.SessionState(
            id: driver.id, role: driver.role, instance: driver.remoteInstance, generation: driver.generation, activePath: driver.activePath?.kind,
            pathCount: driver.pathCount, isConfirmed: driver.isConfirmed, isDoubted: driver.isDoubted)
        let context = Remote.Context(
            dials: end == 0 ? dials : [], sessions: [state], jitter: Double(500 + random.below(1000)) / 1000)
        machines[end].remote.handle(input, in: context, at: Instant(sinceStart: now))
        while let action = machines[end].remote.nextAction() { perform(action, end) }
        timers[end]?.cancel()
        guard let deadline = machines[end].remote.deadline else { return }
        timers[end] = loop.assumeIsolated().scheduleTask(
            deadline: .uptimeNanoseconds(0) + TimeAmount(max(deadline.sinceStart, now)) + .nanoseconds(1)
        ) { [weak self] in self?.feed(.timeout, end) }
    }

    private func perform(_ action: Remote.Action, _ end: Int) {
        switch action {
        case .redial(_, let aim): dial(aim)
        case .recall:
            after(some(10...80)) { [generation = ends[1].generation] in
                $0.tell(0, .recalled($0.ends[0].remoteInstance, generation: generation))
            }
        case .suspect: ends[end].suspect()
        case .endDial(let id): over(id)
        // There is no network, and no server.
        case .suspectNetwork, .probeServer: break
        default: wrong.append("end \(end) is to \(action)")
        }
    }

    // MARK: Dialing

    private func dial(_ aim: Dial.Aim) {
        let id = AttemptID.random()
        dials.append(Remote.DialState(id: id, purpose: .resume(aim), session: ends[0].id, start: Instant(sinceStart: now), isDialed: true))
        after(some(50...400)) { peers in
            guard peers.dials.contains(where: { $0.id == id }) else { return }
            if !peers.dialsFail || !peers.random.chance(4) { peers.connect(peers.random.chance(3) ? .circuit : .tcp) }
            peers.over(id)
        }
    }

    private func over(_ id: AttemptID) {
        guard dials.contains(where: { $0.id == id }) else { return }
        dials.removeAll { $0.id == id }
        feed(.dialEnded(id, for: ends[0].id), 0)
    }

    private func connect(_ kind: PathKind) {
        do {
            let path = try VirtualPath(kind, delay: some(2...80), forgetsAfter: forgetsAfter, on: loop)
            paths.removeAll { !$0.ends[0].channel.isActive && !$0.ends[1].channel.isActive }
            paths.append(path)
            loop.assumeIsolated().scheduleTask(in: path.delay * 2) { [weak self] in
                guard let self else { return }
                for end in 0..<2 where path.ends[end].channel.isActive {
                    path.ends[end].path.secured(ends[end].peer)
                    ends[end].add(path.ends[end].path)
                    tell(end, .pathsChanged)
                }
            }
        } catch {
            wrong.append("\(error)")
        }
    }

    /// A time in milliseconds.
    func some(_ range: ClosedRange<Int64>) -> TimeAmount {
        .milliseconds(range.lowerBound + Int64(random.below(UInt64(range.upperBound - range.lowerBound + 1))))
    }

    /// Does something later.
    func after(_ time: TimeAmount, _ body: @escaping (VirtualPeers) -> Void) {
        loop.assumeIsolated().scheduleTask(in: time) { [weak self] in if let self { body(self) } }
    }

    // MARK: Bytes

    /// An end writes so many bytes.
    func write(_ count: Int, by end: Int) {
        let bytes = Self.piece(of: end, at: written[end], count: count)
        written[end] += count
        ends[end].write(bytes, to: .initial, for: ObjectIdentifier(self)) { [weak self] result in
            if case .failure(let error) = result { self?.wrong.append("end \(end) cannot write: \(error)") }
        }
    }

    /// Whether everything that was written has been read.
    var isWhole: Bool { read == [written[1], written[0]] }
    /// What is missing.
    var missing: String { "read \(read), written by the far end \([written[1], written[0]])" }

    private static func piece(of end: Int, at position: Int, count: Int) -> ByteBuffer {
        content.getSlice(at: (position + end * 17) % period, length: count) ?? ByteBuffer()
    }

    private func readOn(_ end: Int) {
        ends[end].read(.initial, limit: 50_000, isJoined: true, for: ObjectIdentifier(self)) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let bytes?):
                if bytes != Self.piece(of: 1 - end, at: read[end], count: bytes.readableBytes) {
                    wrong.append("end \(end) reads other bytes at \(read[end])")
                }
                read[end] += bytes.readableBytes
                readOn(end)
            case .success(nil): wrong.append("end \(end) reads the end")
            case .failure(let error): wrong.append("end \(end) cannot read: \(error)")
            }
        }
    }
}
