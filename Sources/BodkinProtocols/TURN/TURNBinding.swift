import BodkinCore
package import NIOCore

/// The client's part of a data connection of RFC 6062: ConnectionBind, and then the remote host's bytes.
///
/// A server resets what is bound twice, and resets a number that it does not know. So one number is bound once.
package struct TURNBinding: Sendable {
    package enum Step: Hashable, Sendable {
        /// More is to come.
        case wait
        /// Send this.
        case send(STUNMessage)
        /// From here on the bytes are the remote host's. What has come of them is still in the buffer.
        case bound
        /// It will not be bound.
        case refused(TURNRefusal)
    }

    private let id: STUNMessage.ConnectionID
    private let credential: TURNCredential
    private var challenge: TURNChallenge?
    private var framer = STUNFramer()
    private var transaction: STUNMessage.TransactionID?
    private var challenges = 0
    private var isSigned = false

    /// A binding for a number, signed as the allocation was challenged.
    package init(_ id: STUNMessage.ConnectionID, as credential: TURNCredential, _ challenge: TURNChallenge?) {
        self.id = id
        self.credential = credential
        self.challenge = challenge
    }

    /// The first message.
    package mutating func begin() -> Step {
        guard let request = try? STUNMessage.request(.connectionBind, [id], as: credential, challenge) else { return .refused(.malformed) }
        transaction = request.transactionID
        isSigned = challenge != nil
        return .send(request)
    }

    /// The server has sent bytes: takes one message from them.
    package mutating func received(_ buffer: inout ByteBuffer) -> Step {
        do {
            guard let message = try framer.next(from: &buffer) else { return .wait }
            guard message.transactionID == transaction else { return .refused(.malformed) }
            if message.class == .success { return message.isSigned(as: credential, challenge) ? .bound : .refused(.malformed) }
            challenge = try TURNChallenge.after(message, isSigned: isSigned, count: challenges)
            challenges += 1
            return begin()
        } catch {
            return .refused(error as? TURNRefusal ?? .malformed)
        }
    }
}

extension TURNAllocation {
    /// The binding for a number that this allocation has told.
    package func binding(_ id: STUNMessage.ConnectionID) -> TURNBinding { TURNBinding(id, as: configuration.credential, challenge) }
}
