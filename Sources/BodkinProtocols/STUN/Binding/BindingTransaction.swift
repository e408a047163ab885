package import BodkinCore

/// The client's half of a Binding transaction: when to send the request again, and what to make of what comes back (RFC 8489 section 6).
///
/// ```
///            poll: send, RTO doubles        receive: our response
///   waiting ────────────────────── waiting ──────────────────────► ended
///      └── poll after the last wait: timed out, or integrity violated ──┘
/// ```
///
/// Time is the `Duration` since the transaction began, by any clock that does not jump. Poll at once, then at the instants that it names.
package struct BindingTransaction: ~Copyable {
    /// How often and how long.
    package struct Configuration: Sendable, Hashable {
        /// How long the first request waits for its response; doubles with each repetition.
        package var initialRTO: Duration
        /// How many requests are sent at most: Rc.
        package var requestCount: Int
        /// How long the last one waits.
        package var lastWait: Duration
        /// Whether the transport is reliable: then the first response without good integrity ends the transaction (section 9.1.4).
        package var isReliable: Bool

        /// Section 6.2.1: RTO at least 500 ms, Rc 7, and Rm 16 times the RTO at the end; 39.5 s in all.
        package static func unreliable(initialRTO: Duration = .milliseconds(500), requestCount: Int = 7, lastFactor: Int = 16) -> Configuration {
            Configuration(
                initialRTO: initialRTO, requestCount: requestCount, lastWait: initialRTO * min(max(lastFactor, 1), 1024), isReliable: false)
        }

        /// Section 6.2.2: over TCP a request is sent once, and Ti is 39.5 s.
        package static let reliable = Configuration(initialRTO: .zero, requestCount: 1, lastWait: .milliseconds(39_500), isReliable: true)
    }

    /// How it ended.
    package enum Outcome: Sendable, Hashable {
        /// The server sees the client at this endpoint.
        case mapped(Endpoint, STUNMessage)
        /// The server has answered with an error.
        case refused(STUNMessage.ErrorCode, STUNMessage)
        /// A response came that cannot be used: it requires what is not understood, or lacks what it must hold.
        case unusable(STUNMessage)
        /// Only responses without good integrity came (section 9.1.4), this the last: a forgery, or a server that does not know the key, whose
        /// unsigned 401 is then in it.
        case integrityViolated(STUNMessage)
        /// Nothing came.
        case timedOut
    }

    /// What to do now.
    package enum Step: Sendable, Hashable {
        /// Send these bytes, and poll again at this time.
        case send([UInt8], pollAt: Duration)
        /// Poll again at this time.
        case wait(until: Duration)
        /// It is over.
        case ended(Outcome)
    }

    private enum State {
        /// `sent` requests are out; at `due` the next one is, or the end is reached.
        case waiting(sent: Int, due: Duration, violation: STUNMessage?)
        case ended(Outcome)
    }

    /// What is asked.
    package let request: STUNMessage
    private let configuration: Configuration
    let key: [UInt8]?
    private var state = State.waiting(sent: 0, due: .zero, violation: nil)

    /// A transaction that has sent nothing yet; with `key` only responses that are signed with it are accepted.
    ///
    /// At most 16 requests are sent, and the initial RTO is at most a minute, whatever the configuration says.
    package init(_ request: STUNMessage, key: [UInt8]? = nil, configuration: Configuration = .unreliable()) {
        self.request = request
        self.key = key
        self.configuration = configuration
    }

    /// What is due at `now`; to be called once at `.zero`, and whenever a time that it named has come.
    package mutating func poll(at now: Duration) -> Step {
        switch state {
        case .ended(let outcome): return .ended(outcome)
        case .waiting(_, let due, _) where now < due: return .wait(until: due)
        case .waiting(let sent, _, let violation):
            let count = min(max(configuration.requestCount, 1), 16)
            guard sent < count else {
                let outcome: Outcome = violation.map { .integrityViolated($0) } ?? .timedOut
                state = .ended(outcome)
                return .ended(outcome)
            }
            let wait = sent + 1 == count ? configuration.lastWait : min(configuration.initialRTO, .seconds(60)) * (1 << sent)
            let due = now + max(wait, .zero)
            state = .waiting(sent: sent + 1, due: due, violation: violation)
            return .send(request.bytes, pollAt: due)
        }
    }

    /// What a message that came in means: the end of the transaction, or nil where it is not, or not credibly, its response.
    ///
    /// A response is recognised by its transaction ID alone, as CHANGE-REQUEST has it come from elsewhere.
    package mutating func receive(_ message: STUNMessage) -> Outcome? {
        guard case .waiting(let sent, let due, _) = state, sent > 0, message.transactionID == request.transactionID,
            message.method == request.method, message.class == .success || message.class == .error
        else { return nil }
        let outcome: Outcome
        if isCredible(message) {
            outcome = Self.meaning(of: message)
        } else if configuration.isReliable {
            outcome = .integrityViolated(message)
        } else {
            state = .waiting(sent: sent, due: due, violation: message)
            return nil
        }
        state = .ended(outcome)
        return outcome
    }
}
