import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOCore
import NIOPosix
import SwiftProtobuf

/// One connection of an attacker that has a token, or of one that tries a wrong one: it registers, and then sends one kind of message as fast as it can.
struct AttackConnection: Sendable {
    private let attackers: Attackers
    private let number: Int

    init(_ attackers: Attackers, _ number: Int) {
        self.attackers = attackers
        self.number = number
    }

    /// Attacks until the time is over, or the server closes.
    func run() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        var url = attackers.url
        if attackers.attack == .handshakes { url.token = Array(repeating: 1, count: 16) }
        var connection = LoadConnection(url: url, identity: try .create(), bindings: 0)
        connection.source = Attackers.source(number)
        let registered = loop.makePromise(of: Void.self)
        let (attack, target, peer, tally) = (attackers.attack, attackers.target, connection, attackers.tally)
        let handler = try await loop.submit {
            NIOLoopBound(AttackHandler(attack, target, peer, registered, tally), eventLoop: loop)
        }.get()
        let channel = try await connection.open(handler, on: loop, registered)
        let timer = loop.scheduleTask(deadline: attackers.end) { channel.close(promise: nil) }
        try await channel.closeFuture.get()
        timer.cancel()
    }
}

/// Sends one kind of message as fast as the channel takes it.
private final class AttackHandler: ChannelInboundHandler {
    typealias InboundIn = WireEnvelope
    typealias OutboundOut = WireEnvelope.OneOf_Body

    private let attack: Attack
    private let target: PeerID
    private let connection: LoadConnection
    private let registered: EventLoopPromise<Void>
    private let tally: AttackTally
    private var sequence: UInt64 = 1
    private var isAttacking = false
    private lazy var keys = (0..<1_000).map { _ in Data((0..<32).map { _ in UInt8.random(in: .min ... .max) }) }

    init(
        _ attack: Attack, _ target: PeerID, _ connection: LoadConnection, _ registered: EventLoopPromise<Void>, _ tally: AttackTally
    ) {
        self.attack = attack
        self.target = target
        self.connection = connection
        self.registered = registered
        self.tally = tally
    }

    func channelActive(context: ChannelHandlerContext) { tally.connected() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let body = unwrapInboundIn(data).body
        tally.heard(body)
        switch body {
        case .registered where !isAttacking:
            isAttacking = true
            registered.succeed()
            if attack == .unread { _ = try? context.channel.syncOptions?.setOption(.autoRead, value: false) }
            pump(context)
        case .ping(let ping): context.writeAndFlush(wrapOutboundOut(.pong(ping)), promise: nil)
        case .failure: context.close(promise: nil)
        default: break
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) { if isAttacking { pump(context) } }

    /// Writes in portions, so that the event loop has other turns.
    private func pump(_ context: ChannelHandlerContext) {
        var count = 0
        while count < 64, context.channel.isWritable {
            context.write(wrapOutboundOut(message()), promise: nil)
            count += 1
        }
        tally.sent(count)
        context.flush()
        guard context.channel.isWritable else { return }
        let own = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.execute { if own.value.1.channel.isActive { own.value.0.pump(own.value.1) } }
    }

    private func message() -> WireEnvelope.OneOf_Body {
        switch attack {
        case .emptyData: return .circuitData(.with { $0.attempt = Data(AttemptID.random().bytes) })
        case .credits:
            return .circuitCredit(
                .with {
                    $0.attempt = Data(AttemptID.random().bytes)
                    $0.bytes = 1
                })
        case .registers:
            return register {
                $0.policy.admission = .listed; $0.policy.peers = keys
            }
        case .paddedCards:
            // An unknown field of 60 000 bytes.
            let padding: [UInt8] = [0xFA, 0x01, 0xE0, 0xD4, 0x03] + Array(repeating: 0, count: 60_000)
            return register { register in
                guard let card: [UInt8] = try? register.card.serializedBytes(), let padded = try? WireSignedCard(serializedBytes: card + padding)
                else { return }
                register.card = padded
            }
        case .absentPeers, .calledPlaces:
            var dial = WireDial()
            dial.to = attack == .calledPlaces ? Data(target.publicKey) : Data((0..<32).map { _ in UInt8.random(in: .min ... .max) })
            dial.attempt = Data(AttemptID.random().bytes)
            dial.early = Data(count: 4_096)
            dial.patienceMs = 300_000
            return .dial(dial)
        default: return .ping(WirePing())
        }
    }

    private func register(_ change: (inout WireRegister) -> Void) -> WireEnvelope.OneOf_Body {
        sequence += 1
        guard case .register(var register)? = try? connection.register(sequence: sequence) else { return .ping(WirePing()) }
        change(&register)
        return .register(register)
    }

    func channelInactive(context: ChannelHandlerContext) { registered.fail(ChannelError.ioOnClosedChannel) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        registered.fail(error)
        context.close(promise: nil)
    }
}
