import BodkinCore
import BodkinProtocols
import BodkinTransport
import FoundationEssentials

@testable import Bodkin

/// A remote peer in virtual time. What the machine asks for is written down, and its plain consequences are put into the context.
final class RemoteBench {
    static let low = PeerID(publicKey: [UInt8](repeating: 1, count: 32)) ?? { preconditionFailure("32 bytes are a key") }()
    static let high = PeerID(publicKey: [UInt8](repeating: 2, count: 32)) ?? { preconditionFailure("32 bytes are a key") }()
    static let here = instance(7)

    var remote: Remote
    var context = Remote.Context()
    var now = Instant.start
    /// What was done, in short.
    private var done: [String] = []
    private var names: [AttemptID: String] = [:]
    private var sessionNames: [SessionID: String] = [:]
    private var callers: [(name: String, object: Caller)] = []
    private var lastPath: UInt64 = 0

    final class Caller {}

    static func instance(_ byte: UInt8) -> InstanceID {
        InstanceID(bytes: [UInt8](repeating: byte, count: 16)) ?? { preconditionFailure("16 bytes are an instance") }()
    }

    /// - Parameter isLower: whether the local peer has the lower ID.
    init(isLower: Bool = true, usesDirectPaths: Bool = true, usesCircuits: Bool = true) {
        remote = Remote(
            isLower ? Self.high : Self.low,
            Remote.Configuration(
                localPeer: isLower ? Self.low : Self.high, localInstance: Self.here, usesDirectPaths: usesDirectPaths, usesCircuits: usesCircuits,
                pathlessLifetime: .seconds(60)))
    }

    /// Gives an input, and returns what was done.
    @discardableResult
    func feed(_ input: Remote.Input) -> [String] {
        handle(input)
        return take()
    }

    private func handle(_ input: Remote.Input) {
        remote.handle(input, in: context, at: now)
        while let action = remote.nextAction() { perform(action) }
    }

    func take() -> [String] {
        defer { done = [] }
        return done
    }

    // MARK: Callers

    func call(_ name: String) -> [String] {
        let caller = Caller()
        callers.append((name, caller))
        return feed(.called(ObjectIdentifier(caller)))
    }

    func cancel(_ name: String) -> [String] {
        guard let caller = callers.first(where: { $0.name == name }) else { return [] }
        return feed(.cancelled(ObjectIdentifier(caller.object)))
    }

    private func text(_ calls: [Remote.CallID]) -> String {
        calls.map { call in callers.first { ObjectIdentifier($0.object) == call }?.name ?? "?" }.joined(separator: ", ")
    }

    // MARK: Dials

    @discardableResult
    func addDial(_ name: String, _ change: (inout Remote.DialState) -> Void = { _ in }) -> AttemptID {
        let id = AttemptID.random()
        names[id] = name
        var state = Remote.DialState(id: id, start: now)
        change(&state)
        context.dials.append(state)
        return id
    }

    func change(_ dial: AttemptID, _ body: (inout Remote.DialState) -> Void) {
        if let index = context.dials.firstIndex(where: { $0.id == dial }) { body(&context.dials[index]) }
    }

    /// A dial is over: the machine hears of it as a driver tells it.
    func end(_ dial: AttemptID) { if let session = forget(dial) { handle(.dialEnded(dial, for: session)) } }

    private func forget(_ dial: AttemptID) -> SessionID?? {
        guard let state = context.dial(dial) else { return nil }
        context.dials.removeAll { $0.id == dial }
        return .some(state.role == .dialer ? state.session : nil)
    }

    func name(_ dial: AttemptID) -> String { names[dial] ?? "?" }

    /// A Meet of a dial of theirs.
    func meet(_ name: String, id: AttemptID = .random(), instance: UInt8 = 1, direct: Bool = true) -> WireMeet {
        names[id] = name
        var meet = WireMeet()
        meet.attempt = Data(id.bytes)
        meet.instance = Data(RemoteBench.instance(instance).bytes)
        meet.direct = direct
        return meet
    }

    // MARK: Sessions and paths

    @discardableResult
    func addSession(
        _ name: String, on kind: PathKind = .tcp, id: SessionID = .random(), _ change: (inout Remote.SessionState) -> Void = { _ in }
    ) -> SessionID {
        sessionNames[id] = name
        var state = Remote.SessionState(id: id, instance: Self.instance(1), start: now, activePath: kind)
        change(&state)
        context.sessions.append(state)
        feed(.session(id, .began(now, kind)))
        return id
    }

    func change(_ session: SessionID, _ body: (inout Remote.SessionState) -> Void) {
        if let index = context.sessions.firstIndex(where: { $0.id == session }) { body(&context.sessions[index]) }
    }

    /// Another path carries a session, or none.
    func move(_ session: SessionID, to kind: PathKind?) -> [String] {
        change(session) { $0.activePath = kind }
        return feed(.session(session, .pathsChanged))
    }

    /// A session is over.
    func close(_ session: SessionID) -> [String] {
        context.sessions.removeAll { $0.id == session }
        return feed(.session(session, .closed(reason: "gone")))
    }

    /// They open a path.
    func open(
        _ mode: PathOpening.Mode, session: SessionID = .random(), instance: UInt8 = 1, receiver: InstanceID = here, kind: PathKind = .tcp,
        dial: AttemptID? = nil
    ) -> [String] {
        lastPath += 1
        let id = InboundPaths.ID(number: lastPath)
        context.waiting.insert(id)
        let frame = PathOpening(
            session: session, sender: Self.instance(instance), receiver: receiver, mode: mode, kind: kind, generation: 0, nextExpected: 0,
            limits: InitialLimits(data: 0, streamData: 0, streams: 0))
        return feed(.opening(Remote.Opening(id: id, frame: frame, isDirect: kind.isDirect, dial: dial)))
    }

    /// Lets time pass, until an instant, and returns what was done.
    func run(until end: Duration) -> [String] {
        while let deadline = remote.deadline, deadline.sinceStart <= end {
            now = max(now, deadline)
            handle(.timeout)
        }
        now = Instant(sinceStart: end)
        return take()
    }

    // MARK: Actions

    private func perform(_ action: Remote.Action) {
        func session(_ id: SessionID) -> String { sessionNames[id] ?? "?" }
        switch action {
        case .deliver(let id, let calls): done.append("deliver \(session(id)) to \(text(calls))")
        case .deliverIncoming(let id): done.append("incoming \(session(id))")
        case .fail(let calls, let error): done.append("fail \(text(calls))\(error is CancellationError ? ": cancelled" : "")")
        case .startDial:
            done.append("dial")
            addDial("ours")
        case .failDial(let id, let error):
            done.append("fail \(name(id))")
            handle(.dialFailed(error))
            end(id)
        case .endDial(let id):
            done.append("end \(name(id))")
            end(id)
        case .replaceDial(let id):
            done.append("replace \(name(id))")
            end(id)
        case .dropCircuit(let id): done.append("drop circuit of \(name(id))")
        case .answerMeet(let id, let isAccepted): done.append("\(isAccepted ? "accept" : "decline") \(name(id))")
        case .takeCall(let meet):
            guard let id = AttemptID(bytes: meet.attempt), let instance = InstanceID(bytes: meet.instance) else { return }
            done.append("take \(name(id))")
            context.dials.append(Remote.DialState(id: id, role: .called, instance: instance, start: now))
        case .acceptMeetLater(let meet):
            done.append("later")
            handle(.meet(meet, isAccepted: true))
        case .withdraw(let id): done.append("withdraw \(name(id))")
        case .confirmDial(let id): done.append("confirm \(name(id))")
        case .loseTentative(let id, let reason): done.append("lose \(name(id))\(reason.map { ": " + $0 } ?? "")")
        case .settle(let id): done.append("settle \(name(id))")
        case .attach(let opening, let dial): done.append("attach to \(session(opening.frame.session))" + (dial.map { " by \(name($0))" } ?? ""))
        case .beginSession(let opening, let dial):
            context.waiting.remove(opening.id)
            done.append("begin theirs" + (dial.map { " by \(name($0))" } ?? ""))
        case .refuse(_, let reason): done.append("refuse: \(reason)")
        case .close: done.append("close")
        case .offerAgain(let ids): done.append("offer again \(ids.count)")
        case .redial(let id, let aim):
            done.append("redial \(session(id)) for \(aim)")
            addDial("\(aim)") { ($0.purpose, $0.session, $0.isDialed) = (.resume(aim), id, true) }
        case .recall(let id): done.append("recall \(session(id))")
        case .suspect(let id): done.append("suspect \(session(id))")
        case .giveUp(let id):
            done.append("give up \(session(id))")
            context.sessions.removeAll { $0.id == id }
            handle(.session(id, .closed(reason: "gone")))
        case .suspectNetwork(let isUrgent): done.append(isUrgent ? "suspect network" : "look at network")
        case .probeServer: done.append("probe")
        }
    }
}
