import BodkinCore
import BodkinPrediction
import BodkinProtocols
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import BodkinTransport

/// A STUN server names another address of the user's own machine: as its second one, and as what it sees of the user.
@Suite("What a STUN server tells is connected to only if the gate lets it pass", .timeLimit(.minutes(1)))
struct ToldAddressTests {
    /// What follows an answer of the server.
    enum Probe: CaseIterable {
        case tcpMapping, udpMapping, sampling, hairpin, nesting
    }

    private static let told = IPAddress(v4: 0x7F00_0042)
    private static let loop = NIOSingletons.posixEventLoopGroup.next()

    /// Answers over TCP.
    private final class StreamLiar: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        let answer: (STUNMessage) -> ByteBuffer?
        init(_ answer: @escaping (STUNMessage) -> ByteBuffer?) { self.answer = answer }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard let request = try? STUNMessage(Array(buffer: unwrapInboundIn(data))), let answer = answer(request) else { return }
            context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        }
    }

    /// Answers over UDP.
    private final class DatagramLiar: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        typealias OutboundOut = AddressedEnvelope<ByteBuffer>
        let answer: (STUNMessage) -> ByteBuffer?
        init(_ answer: @escaping (STUNMessage) -> ByteBuffer?) { self.answer = answer }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let datagram = unwrapInboundIn(data)
            guard let request = try? STUNMessage(Array(buffer: datagram.data)), let answer = answer(request) else { return }
            context.writeAndFlush(wrapOutboundOut(AddressedEnvelope(remoteAddress: datagram.remoteAddress, data: answer)), promise: nil)
        }
    }

    /// Listens over TCP and UDP at one endpoint; calls back for each connection and each datagram.
    private static func listen(
        _ endpoint: Endpoint, _ answer: @escaping @Sendable (STUNMessage) -> ByteBuffer?, visited: @escaping @Sendable () -> Void = {}
    ) async throws -> [any Channel] {
        let tcp = try await ServerBootstrap(group: loop).childChannelInitializer { channel in
            visited()
            return channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(StreamLiar(answer)) }
        }.bind(to: SocketAddress(endpoint)).get()
        let number = UInt16(tcp.localAddress?.port ?? 0)
        let udp = try await DatagramBootstrap(group: loop).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(
                    DatagramLiar {
                        visited()
                        return answer($0)
                    })
            }
        }.bind(to: SocketAddress(Endpoint(endpoint.address, number))).get()
        return [tcp, udp]
    }

    @Test("a loopback address that it names is left alone", arguments: Probe.allCases)
    func loopback(_ probe: Probe) async throws {
        let visits = Mutex(0)
        let named = Mutex<Endpoint?>(nil)
        @Sendable func lie(_ request: STUNMessage) -> ByteBuffer? {
            guard let endpoint = named.withLock({ $0 }) else { return nil }
            return BindingResponder(authentication: .ignored, software: "liar").answer(
                to: request, from: endpoint, at: endpoint, other: endpoint, over: .tcp
            ).map { ByteBuffer(bytes: $0.bytes) }
        }
        let own = IPAddress(v4: 0x7F00_0001)
        var channels = try await Self.listen(Endpoint(own, 0), lie)
        let server = Endpoint(own, UInt16(channels[0].localAddress?.port ?? 0))
        let target = Endpoint(Self.told, server.port)
        named.withLock { $0 = target }
        channels += try await Self.listen(target, lie) { visits.withLock { $0 += 1 } }
        let gate = try await Self.loop.submit { Gate(before: KernelSystem(), servers: [own], on: Self.loop) }.get()
        switch probe {
        case .tcpMapping:
            let profile = await STUNProbe.tcp(.v4, servers: [server], through: gate, on: Self.loop)
            #expect(profile.samples.first?.mapped == target)
        case .udpMapping:
            let profile = await STUNProbe.udp(.v4, servers: [server], through: gate, on: Self.loop)
            #expect(profile.samples.first?.mapped == target)
        case .sampling:
            let samples = try await Self.loop.flatSubmit {
                PortSampler.run(.quick(towards: [server]), from: PortSampler.base(), through: gate, extendsQuickPlan: true, on: Self.loop)
            }.get()
            #expect(samples.contains { $0.external == target })
        case .hairpin: #expect(await HairpinProbe.run(server, through: gate, on: Self.loop) == false)
        case .nesting:
            var mapping = MappingProfile(
                family: .v4, local: Endpoint(own, 4000), samples: [.init(server: server, mapped: target), .init(server: server, mapped: target)])
            mapping.samples[1].server.port &+= 1
            // There the probe's datagrams would go.
            channels += try await Self.listen(Endpoint(Self.told, 33_434), lie) { visits.withLock { $0 += 1 } }
            _ = await NestingProbe.run(mapping, through: gate, on: Self.loop)
        }
        #expect(visits.withLock { $0 } == 0)
        for channel in channels { try await channel.close().get() }
    }
}
