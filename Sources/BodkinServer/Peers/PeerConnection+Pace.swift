import BodkinBroker
import BodkinProtocols
import BodkinTransport
import NIOCore

/// How many messages a connection has taken, and when it takes the next ones.
///
/// A turn takes messages up to a price; the next one waits in the ``TurnQueue``. A peer that does not read what is written to it is not read
/// either, nor is one that has overdrawn its own or its account's bucket, until that is paid.
extension PeerConnection {
    /// The price of the messages of one turn, in units of a ping: half a millisecond.
    private static var turnLimit: Double { 100 }
    /// The replies that may wait for a peer before nothing more of it is read, in bytes.
    private static var replyLimit: Int { 16_384 }
    /// The memory that is accounted at once, so that small changes need no lock, in bytes.
    private static var holdStep: Int { 16_384 }

    /// Whether the next message may be taken now. Otherwise something is under way that resumes.
    func mayReceive() -> Bool {
        guard !isOverdrawn, envelopes.waitingByteCount <= Self.replyLimit else { return false }
        guard turnCost >= Self.turnLimit else { return true }
        endTurnLater()
        return false
    }

    /// Takes note of a message's price.
    func charge(_ body: WireEnvelope.OneOf_Body?) { turnCost += MessagePrice.of(body) }

    private func endTurnLater() {
        guard !isTurnEnding, let context else { return }
        isTurnEnding = true
        shared.turns.queue(of: context.eventLoop).enter { [weak self] in
            guard let self else { return }
            isTurnEnding = false
            endTurn()
            resume()
        }
    }

    /// Sends the replies of a turn together, and pays for its messages.
    func endTurn() {
        isInTurn = false
        flush()
        let cost = turnCost
        turnCost = 0
        guard case .open(let id, _, _) = phase else { return }
        account()
        guard cost > 0, case .open = phase, let context else { return }
        let wait = shared.driver.turn { $0.charge(id, cost, now: $1) }
        guard wait > .zero else { return }
        isOverdrawn = true
        let connection = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: wait) {
            connection.value.isOverdrawn = false
            connection.value.endTurnLater()
        }
    }

    /// Goes on with the messages that wait, if they may be taken now.
    func resume() { if !isOverdrawn, envelopes.waitingByteCount <= Self.replyLimit { envelopes.resume() } }

    /// Accounts for the memory that this connection takes at the moment.
    func account() {
        guard case .open(let id, _, _) = phase else { return }
        let count = (envelopes.bufferedByteCount + Self.holdStep - 1) / Self.holdStep * Self.holdStep
        guard count != held else { return }
        guard shared.driver.turn({ broker, _ in broker.hold(id, count) }) else {
            return fail(.quota, "The server's memory for this user is used up. Read what the server sends, and send messages whole.")
        }
        held = count
    }
}
