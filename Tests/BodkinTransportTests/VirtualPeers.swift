import BodkinCore
import BodkinFuzzers
import BodkinProtocols
import NIOCore
import NIOEmbedded

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
    private var upkeeps: [Upkeep]
    private var tending: [Scheduled<Void>?] = [nil, nil]
    private var isDialing = false
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
        upkeeps = [Session.Role.dialer, .called].map { Upkeep($0, kind: nil, lifetime: .seconds(60), allowsDirectPaths: true) }
        for end in 0..<2 {
            ends[end].keepalive = { [unowned self] _ in keepalives[end].interval }
            ends[end].onEvent = { [unowned self] in handle($0, at: end) }
            readOn(end)
        }
        connect(.tcp)
    }

    /// The time since the beginning.
    var now: Duration { .nanoseconds((loop.now - .uptimeNanoseconds(0)).nanoseconds) }

    /// The path that an end sends on.
    func active(_ end: Int) -> VirtualPath? { paths.last { $0.ends[end].path === ends[end].activePath } }

    private func handle(_ event: SessionDriver.Event, at end: Int) {
        switch event {
        case .lostPath(_, _, let wasActive):
            deaths += wasActive ? 1 : 0
            if wasActive { carriers[end] = nil }
        case .tookOver(let path):
            if carriers[end] === path { wrong.append("end \(end) has moved to where it was") }
            carriers[end] = path
        case .survived(_, let silence): keepalives[end].answered(after: silence)
        case .expired(_, let silence): keepalives[end].died(after: silence)
        case .doubtful: doubts[end].append(now)
        case .closed(let reason): wrong.append("end \(end) is closed: \(reason)")
        default: break
        }
        tend(end)
    }

    // MARK: Dialing

    private func tend(_ end: Int) {
        upkeeps[end].carried(by: ends[end].activePath?.kind, at: now)
        tending[end]?.cancel()
        guard let deadline = upkeeps[end].deadline else { return }
        tending[end] = loop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(0) + TimeAmount(deadline) + .nanoseconds(1)) { [weak self] in
            self?.act(end)
        }
    }

    private func act(_ end: Int) {
        switch upkeeps[end].act(at: now) {
        case .giveUp?: wrong.append("end \(end) gives up")
        case .redial? where end == 0, .upgrade? where end == 0: dial()
        case .redial?, .upgrade?:
            upkeeps[1].began()
            after(some(10...80)) { $0.recalled() }
            upkeeps[1].ended(at: now, jitter: 1)
        case nil: break
        }
        tend(end)
    }

    /// The called side has no path, and says so.
    private func recalled() {
        guard !isDialing else { return }
        ends[0].suspect()
        dial()
    }

    private func dial() {
        upkeeps[0].began()
        isDialing = true
        after(some(50...400)) { peers in
            if !peers.dialsFail || !peers.random.chance(4) { peers.connect(peers.random.chance(3) ? .circuit : .tcp) }
            peers.isDialing = false
            peers.upkeeps[0].ended(at: peers.now, jitter: Double(500 + peers.random.below(1000)) / 1000)
            peers.tend(0)
        }
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
                    tend(end)
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
