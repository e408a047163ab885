import BodkinCore
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore

/// What the machine asks for.
extension RemoteDriver {
    func perform(_ action: Remote.Action) {
        switch action {
        case .deliver(let session, let calls):
            sessions[session]?.driver.use()
            if let connection = connection(session) { answer(calls, .success(connection)) }
        case .deliverIncoming(let session): if let connection = connection(session) { engine.incoming.yield(connection) }
        case .fail(let calls, let error): answer(calls, .failure(error))
        case .startDial: start(DialDriver(dialing: peer, engine: engine))
        case .failDial(let id, let error): dial(id)?.fail(error)
        case .endDial(let id): dial(id)?.end()
        case .replaceDial(let id): dial(id)?.yieldToNewerDial()
        case .dropCircuit(let id): engine.circuits[id]?.endByPeer()
        case .answerMeet(let id, let isAccepted): engine.answerMeet(id, isAccepted: isAccepted)
        case .takeCall(let meet): engine.takeCall(meet, of: peer)
        case .acceptMeetLater(let meet):
            engine.eventLoop.assumeIsolated().execute { [weak engine, peer] in
                if let engine, !engine.isOver { engine.remotes[peer].handle(.meet(meet, isAccepted: true)) }
            }
        case .withdraw(let id): dial(id)?.withdraw()
        case .confirmDial(let id): dial(id)?.confirmed()
        case .loseTentative(let id, let reason): dial(id)?.tentativeSessionFailed(reason)
        case .settle(let id): if let dial = dial(id) { dial.settled(on: dial.session?.activePath) }
        case .attach(let opening, let id): attach(opening, dial: id)
        case .beginSession(let opening, let id): beginSession(opening, dial: id)
        case .refuse(let id, let reason): refuse(id, reason)
        case .close(let id): take(id)?.close()
        case .offerAgain(let ids): offerAgain(ids)
        case .redial(let id, let aim): if let record = sessions[id] { start(DialDriver(resuming: record.driver, aim, engine: engine)) }
        case .recall(let id): if let record = sessions[id] { sendRecall(for: record.driver) }
        case .suspect(let id): sessions[id]?.driver.suspect()
        case .giveUp(let id): giveUp(id)
        case .suspectNetwork(let isUrgent): engine.suspectNetwork(isUrgent: isUrgent)
        case .probeServer: engine.probeServerWhileWaiting()
        }
    }

    private func connection(_ session: SessionID) -> Connection? { sessions[session].map { Connection($0) } }

    private func start(_ dial: DialDriver) {
        engine.keep(dial)
        dial.begin()
    }

    private func sendRecall(for session: SessionDriver) {
        var recall = WireRecall()
        recall.peer = Data(peer.publicKey)
        recall.instance = Data(session.remoteInstance.bytes)
        recall.session = Data(session.id.bytes)
        recall.generation = session.generation
        engine.link?.send(.recall(recall))
    }

    private func giveUp(_ id: SessionID) {
        if engine.isOver {
            let cause = engine.failure.map { ", for \($0)" } ?? ""
            sessions[id]?.driver.fail("the last path failed, and the local peer looks for no other" + cause)
        } else {
            sessions[id]?.driver.fail("no path to the peer for \(Int(engine.configuration.pathlessLifetime / .seconds(1))) s")
        }
    }

    private func refuse(_ id: InboundPaths.ID, _ reason: PathCloseReason) {
        guard let opening = take(id) else { return }
        opening.take()
        opening.path.send(PathOutput(head: Session.refusal(reason)))
        opening.path.flush()
        opening.path.close()
    }
}
