import BodkinBroker
import BodkinCore
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore

extension PeerConnection {
    /// The version of the protocol that this server speaks.
    static var version: UInt32 { 1 }

    func welcome(_ hello: WireHello, _ peer: PeerID) {
        guard let context, let source else { return }
        guard hello.lowestVersion <= Self.version, Self.version <= hello.highestVersion else {
            return fail(
                .version,
                "The server speaks version \(Self.version), and the peer \(hello.lowestVersion) to \(hello.highestVersion). Update the older program."
            )
        }
        guard let token = shared.access.number(of: hello.token) else {
            return fail(.token, "The join token is missing or wrong. Copy the whole URL that the server printed.")
        }
        guard !shared.access.refuses(peer) else { return fail(.token, "The server refuses this peer. Ask the server's operator.") }
        guard let instance = InstanceID(bytes: hello.instance) else { return fail(.protocol, "The instance has a wrong length. Use 16 bytes.") }
        guard shared.driver.places.authenticate(place) else { return fail(.quota, "The rendezvous server is full. Try again later.") }
        let handle = ConnectionHandle(self, context.eventLoop)
        let id = shared.driver.join(handle, peer: peer, instance: instance, token: token, source: source, roundTrip: roundTrip)
        guard let id else { return fail(.quota, "The rendezvous server is full. Try again later.") }
        greetingTimeout?.cancel()
        greetingTimeout = nil
        phase = .open(id, peer, instance)
        envelopes.maximumMessageSize = EnvelopeFraming.maximumMessageSize
        send(.welcome(shared.welcome()))
        shared.joined(peer, from: source)
        startPinging()
    }

    func receive(_ body: WireEnvelope.OneOf_Body, _ id: ConnectionID, _ peer: PeerID, _ instance: InstanceID) {
        let driver = shared.driver
        switch body {
        case .register(let register): receive(register, id, peer, instance)
        case .dial(let dial):
            measure()
            driver.turn { $0.dial(id, dial, now: $1) }
        case .dialCancel(let cancel): driver.turn { $0.cancel(id, cancel, now: $1) }
        case .meetAck(let ack): driver.turn { $0.answer(id, ack, now: $1) }
        case .signal(let signal): driver.turn { $0.signal(id, signal, now: $1) }
        case .circuitData(let data): driver.turn { $0.relay(id, data, now: $1) }
        case .circuitCredit(let credit):
            guard let attempt = AttemptID(bytes: credit.attempt) else { return }
            let isEarned = circuits.credit(Int(credit.bytes), of: attempt)
            driver.turn { isEarned ? $0.credit(id, credit, now: $1) : $0.violate(id, attempt, now: $1) }
        case .circuitClose(let close): driver.turn { $0.close(id, close, now: $1) }
        case .recall(let recall): driver.turn { $0.recall(id, recall, now: $1) }
        case .dialBack: driver.turn { $0.dialBack(id, now: $1) }
        case .relayQuery: driver.turn { $0.queryRelays(id, now: $1) }
        case .ping(let ping):
            if let context, context.eventLoop.now - measuredAt >= .seconds(1) { measure() }
            send(.pong(ping.answer))
        case .pong: measure()
        case .hello, .welcome, .registered, .meet, .dialFailed, .failure, .observed, .dialedBack, .dialPending, .relays:
            fail(.protocol, "The message is not for a server, or not in this state. See docs/wire.md for the order of messages.")
        }
    }

    private func receive(_ register: WireRegister, _ id: ConnectionID, _ peer: PeerID, _ instance: InstanceID) {
        guard let context else { return }
        measure()
        do {
            let registration = try Registration(
                register, of: peer, instance: instance, server: shared.keyHash, wallClock: shared.wallClock(), now: context.eventLoop.now)
            shared.driver.turn { $0.register(id, registration, now: $1) }
        } catch {
            fail(error.code, error.message)
        }
    }

    /// Asks the kernel for the round trip. On the connection's own event loop the answer is there at once.
    func measure() {
        guard let context else { return }
        measuredAt = context.eventLoop.now
        let handle = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.channel.measureRoundTrip { handle.value.measured($0) }
    }

    private func measured(_ value: TimeAmount) {
        guard value > .zero, value != roundTrip else { return }
        roundTrip = value
        if case .open(let id, _, _) = phase { shared.driver.turn { broker, _ in broker.measured(id, roundTrip: value) } }
    }

    private func startPinging() {
        guard let context else { return }
        let interval = TimeAmount(shared.limits.pingInterval)
        let handle = NIOLoopBound(self, eventLoop: context.eventLoop)
        pinging = context.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in handle.value.ping() }
    }

    /// Pings a peer that has said nothing for an interval. Closes its connection if nothing comes during the next one.
    private func ping() {
        guard case .open = phase else { return }
        guard !hasSpoken else { return hasSpoken = false }
        guard !isAnswerDue else {
            context?.close(promise: nil)
            return
        }
        isAnswerDue = true
        pings += 1
        var ping = WirePing()
        ping.number = pings
        send(.ping(ping))
    }
}
