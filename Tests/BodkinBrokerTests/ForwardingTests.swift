import BodkinBroker
import BodkinCore
import BodkinProtocols
import FoundationEssentials
import NIOCore
import SwiftProtobuf
import Testing

@Suite("Nothing is forwarded as it was parsed")
struct ForwardingTests {
    /// The messages of a peer that a server stores, answers or passes on.
    enum Member: CaseIterable {
        case register, dial, cardSignal, forecastSignal, recall, circuitData, circuitCredit, circuitClose, meetAck, dialCancel, ping
    }

    /// The contents of unknown fields.
    private static let marker: [UInt8] = Array(repeating: 0xEE, count: 4_000)

    /// The message with an unknown field.
    private static func padded<M: Message>(_ message: M) throws -> M {
        try M(serializedBytes: message.serializedBytes() as [UInt8] + [0xC2, 0x3E, 0xA0, 0x1F] + marker)
    }

    private static func contains(_ bytes: some Sequence<UInt8>) -> Bool {
        var run = 0
        for byte in bytes {
            run = byte == 0xEE ? run + 1 : 0
            if run == 8 { return true }
        }
        return false
    }

    /// A message with an unknown field in each of its parts.
    private static func message(_ member: Member, from peer: BrokerFixture.Peer, to other: BrokerFixture.Peer, _ attempt: AttemptID) throws
        -> WireEnvelope.OneOf_Body
    {
        let id = Data(attempt.bytes)
        switch member {
        case .register:
            var register = try BrokerFixture.wire(peer, sequence: 2)
            register.card = try padded(register.card)
            register.policy = try padded(register.policy)
            return .register(try padded(register))
        case .dial:
            return .dial(
                try padded(
                    .with {
                        $0.to = Data(other.id.publicKey)
                        $0.attempt = Data(AttemptID.random().bytes)
                        $0.early = Data([1])
                        $0.direct = true
                    }))
        case .cardSignal:
            let card = try padded(BrokerFixture.wire(peer).card)
            return .signal(
                try padded(
                    .with {
                        $0.attempt = id
                        $0.card = card
                    }))
        case .forecastSignal:
            let forecast = try padded(
                WireForecast.with {
                    $0.round = 1
                    $0.external = try padded(WireTransportAddress(Endpoint(BrokerFixture.source, 4000)))
                })
            return .signal(
                try padded(
                    .with {
                        $0.attempt = id
                        $0.forecast = forecast
                    }))
        case .recall:
            return .recall(
                try padded(
                    .with {
                        $0.peer = Data(other.id.publicKey)
                        $0.instance = Data(other.instance.bytes)
                        $0.session = id
                    }))
        case .circuitData:
            return .circuitData(
                try padded(
                    .with {
                        $0.attempt = id
                        $0.data = Data([1])
                    }))
        case .circuitCredit:
            return .circuitCredit(
                try padded(
                    .with {
                        $0.attempt = id
                        $0.bytes = 1
                    }))
        case .circuitClose: return .circuitClose(try padded(.with { $0.attempt = id }))
        case .meetAck: return .meetAck(try padded(.with { $0.attempt = id }))
        case .dialCancel: return .dialCancel(try padded(.with { $0.attempt = id }))
        case .ping: return .ping(try padded(.with { $0.number = 7 }))
        }
    }

    @Test("unknown fields in any part of any message end at the server, and what follows is within its bound", arguments: Member.allCases)
    func unknown(_ member: Member) throws {
        var fixture = BrokerFixture()
        let called = try fixture.resident()
        let dialer = try fixture.resident()
        let attempt = AttemptID.random()
        _ = fixture.dial(dialer, called.id, attempt, early: "early")
        _ = fixture.answer(called, attempt)
        _ = fixture.data(called, attempt, 10)
        var buffer = ByteBuffer()
        try EnvelopeFraming.write(Self.message(member, from: dialer, to: called, attempt), to: &buffer)
        // The message has shown something only if it carries them.
        #expect(Self.contains(buffer.readableBytesView))
        let body = try #require(try EnvelopeFraming.read(from: &buffer)?.body)
        var follows: [WireEnvelope.OneOf_Body] = []
        switch body {
        case .register(let register):
            let registration = try Registration(
                register, of: dialer.id, instance: dialer.instance, server: BrokerFixture.server, wallClock: BrokerFixture.wallClock, now: fixture.now
            )
            #expect(!Self.contains(try registration.card.serializedBytes() as [UInt8]))
            fixture.broker.register(dialer.connection, registration, now: fixture.now)
            _ = fixture.dial(dialer, called.id)
        case .dial(let dial): fixture.broker.dial(dialer.connection, dial, now: fixture.now)
        case .signal(let signal): fixture.broker.signal(dialer.connection, signal, now: fixture.now)
        case .recall(let recall): fixture.broker.recall(dialer.connection, recall, now: fixture.now)
        case .circuitData(let data): fixture.broker.relay(dialer.connection, data, now: fixture.now)
        case .circuitCredit(let credit): fixture.broker.credit(dialer.connection, credit, now: fixture.now)
        case .circuitClose(let close): fixture.broker.close(dialer.connection, close, now: fixture.now)
        case .meetAck(let ack): fixture.broker.answer(dialer.connection, ack, now: fixture.now)
        case .dialCancel(let cancel): fixture.broker.cancel(dialer.connection, cancel, now: fixture.now)
        case .ping(let ping): follows = [.pong(ping.answer)]
        default: Issue.record("\(body)")
        }
        for action in fixture.broker.takeActions() + fixture.dial(called, dialer.id, early: "early") {
            switch action {
            case .send(let body, _): follows.append(body)
            case .relay(let data, _, _): #expect(!Self.contains(data))
            case .fail(let code, _, _): Issue.record("\(code)")
            default: break
            }
        }
        #expect(!follows.isEmpty)
        for body in follows {
            var sent = ByteBuffer()
            try EnvelopeFraming.write(body, to: &sent)
            #expect(!Self.contains(sent.readableBytesView))
            #expect(sent.readableBytes <= (MessageBound.size(of: body) ?? 0) + 3)
        }
    }

    /// Cards and forecasts that are no longer than they may be, and too long, or malformed.
    static let signals: [(passes: Bool, signal: WireSignal)] = [
        (true, card(1, 64)), (true, card(2_048, 64)), (false, card(0, 64)), (false, card(2_049, 64)), (false, card(60_000, 64)),
        (false, card(100, 63)), (false, card(100, 65)), (false, card(100, 60_000)), (false, WireSignal()),
        (true, forecast(4, 65_535)), (true, forecast(16, 0)), (true, forecast(0, 1)), (false, forecast(5, 1)), (false, forecast(40_000, 1)),
        (false, forecast(4, 65_536)),
        (true, .with { $0.forecast = WireForecast() }), (true, relayed(4, 65_535)), (true, relayed(16, 1)), (false, relayed(5, 1)),
        (false, relayed(40_000, 1)), (false, relayed(4, 65_536)), (true, .with { $0.relayed = WireRelayed() }),
    ]

    private static func relayed(_ address: Int, _ port: UInt32) -> WireSignal {
        .with {
            $0.relayed.endpoint.address = Data(count: address)
            $0.relayed.endpoint.port = port
        }
    }

    private static func card(_ card: Int, _ signature: Int) -> WireSignal {
        .with {
            $0.card.card = Data(count: card)
            $0.card.signature = Data(count: signature)
        }
    }

    private static func forecast(_ address: Int, _ port: UInt32) -> WireSignal {
        .with {
            $0.forecast.external.address = Data(count: address)
            $0.forecast.external.port = port
        }
    }

    @Test("a signal passes if each of its values is within its bound; otherwise its sender alone hears of it", arguments: signals)
    func signal(_ passes: Bool, _ signal: WireSignal) throws {
        var fixture = BrokerFixture()
        let called = try fixture.resident()
        let dialer = try fixture.resident()
        let attempt = AttemptID.random()
        _ = fixture.dial(dialer, called.id, attempt)
        _ = fixture.answer(called, attempt)
        var sent = signal
        sent.attempt = Data(attempt.bytes)
        fixture.broker.signal(dialer.connection, sent, now: fixture.now)
        let actions = fixture.broker.takeActions()
        #expect(actions == (passes ? [.send(.signal(sent), to: called.connection)] : actions))
        #expect(actions.failure(of: dialer) == (passes ? nil : .protocol) && actions.failure(of: called) == nil)
    }

    @Test("a forecast arrives with all its fields")
    func forecastFields() throws {
        let forecast = WireForecast.with {
            $0.round = 1
            $0.allocation = .UNRECOGNIZED(7)
            $0.external = WireTransportAddress(Endpoint(BrokerFixture.source, 4000))
            $0.delta = -3
            $0.lowest = 4
            $0.highest = 5
            $0.count = 6
            $0.index = 7
        }
        #expect(forecast.rebuilt == forecast)
        #expect(WireForecast().rebuilt == WireForecast())
    }
}
