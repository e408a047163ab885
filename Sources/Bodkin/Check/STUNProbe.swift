import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Asks several STUN endpoints from one local port (RFC 5780 section 4.3).
enum STUNProbe {
    /// The most endpoints that are asked: what the URL names, its alternate port, and the same at the server's second address.
    private static let limit = 4
    private static let reusePort = ChannelOptions.Types.SocketOption(level: .socket, name: NIOBSDSocket.Option(rawValue: SO_REUSEPORT))

    /// Over TCP, one connection after another, all from one port.
    static func tcp(_ family: IPAddress.Family, servers: [Endpoint], on eventLoop: any EventLoop) async -> MappingProfile {
        var profile = MappingProfile(family: family, local: nil, samples: [])
        var servers = servers
        var index = 0
        while index < min(servers.count, limit) {
            let server = servers[index]
            index += 1
            let answer = try? await connection(to: server, from: profile.local?.port ?? 0, on: eventLoop)
            profile.local = profile.local ?? answer?.local
            profile.samples.append(MappingProfile.Sample(server: server, mapped: answer?.mapped))
            extend(&servers, by: answer?.other, family)
        }
        return profile
    }

    /// Over UDP, from one socket.
    static func udp(_ family: IPAddress.Family, servers: [Endpoint], on eventLoop: any EventLoop) async -> MappingProfile {
        var profile = MappingProfile(family: family, local: nil, samples: [])
        guard let first = servers.first, let socket = try? await STUNSocket.open(towards: first, on: eventLoop) else {
            profile.samples = servers.map { MappingProfile.Sample(server: $0, mapped: nil) }
            return profile
        }
        profile.local = socket.local
        var servers = servers
        var index = 0
        while index < min(servers.count, limit) {
            let server = servers[index]
            index += 1
            let answer = try? await socket.ask(server)
            profile.samples.append(MappingProfile.Sample(server: server, mapped: answer?.mapped))
            extend(&servers, by: answer?.other, family)
        }
        socket.close()
        return profile
    }

    /// The server's second address, where it names one.
    private static func extend(_ servers: inout [Endpoint], by other: Endpoint?, _ family: IPAddress.Family) {
        guard let other, other.address.family == family, !servers.contains(where: { $0.address == other.address }) else { return }
        servers += servers.map { Endpoint(other.address, $0.port) }
    }

    private static func connection(to server: Endpoint, from port: UInt16, on eventLoop: any EventLoop) async throws -> STUNAnswer {
        let request = STUNMessage.bindingRequest()
        let promise = eventLoop.makePromise(of: STUNAnswer.self)
        let local = try SocketAddress(Endpoint(.unspecified(server.address.family), port))
        let channel: any Channel
        do {
            let remote = try SocketAddress(server)
            // On the event loop, since the network that a socket is in may be that of its thread.
            channel = try await eventLoop.flatSubmit {
                ClientBootstrap(group: eventLoop)
                    .channelOption(.socketOption(.so_reuseaddr), value: 1)
                    .channelOption(reusePort, value: 1)
                    .connectTimeout(NetworkCheck.patience)
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandler(STUNAnswerReader(request.transactionID, promise))
                        }
                    }
                    .bind(to: local).connect(to: remote)
            }.get()
        } catch {
            promise.fail(error)
            throw error
        }
        let deadline = eventLoop.scheduleTask(in: NetworkCheck.patience) { channel.close(promise: nil) }
        channel.writeAndFlush(ByteBuffer(bytes: request.bytes), promise: nil)
        defer {
            deadline.cancel()
            channel.close(promise: nil)
        }
        return try await promise.futureResult.get()
    }
}

/// What a STUN endpoint answered.
struct STUNAnswer: Sendable {
    /// Where the question came from, here.
    var local: Endpoint?
    /// Where it came from, as the server sees it.
    var mapped: Endpoint
    /// The server's second address and port.
    var other: Endpoint?

    /// The answer in a message; nil where it is none to this question.
    init?(_ message: STUNMessage, to transaction: STUNMessage.TransactionID, at local: Endpoint?) {
        guard message.transactionID == transaction, message.class == .success,
            let mapped = try? message.attribute(STUNMessage.XORMappedAddress.self)?.endpoint
        else { return nil }
        self.local = local
        self.mapped = mapped
        other = (try? message.attribute(STUNMessage.OtherAddress.self))?.endpoint
    }
}

/// Reads one answer from a TCP connection.
private final class STUNAnswerReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let transaction: STUNMessage.TransactionID
    private let promise: EventLoopPromise<STUNAnswer>
    private var framer = STUNFramer()

    init(_ transaction: STUNMessage.TransactionID, _ promise: EventLoopPromise<STUNAnswer>) {
        self.transaction = transaction
        self.promise = promise
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        do {
            while let message = try framer.next(from: &bytes) {
                if let answer = STUNAnswer(message, to: transaction, at: Endpoint(context.channel.localAddress)) { promise.succeed(answer) }
            }
        } catch {
            promise.fail(error)
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { promise.fail(ChannelError.eof) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error)
        context.close(promise: nil)
    }
}
