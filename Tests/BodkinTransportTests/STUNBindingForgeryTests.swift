import BodkinCore
import BodkinEmulation
import BodkinProtocols
import BodkinVirtualNetwork
import NIOCore
import NIOEmbedded
import Testing

@testable import BodkinTransport

/// Somebody between the peer and its server answers in the server's place.
@Suite("A NAT binding and forged answers")
struct STUNBindingForgeryTests {
    /// What the forger answers, once the binding has a key.
    enum Forgery: CaseIterable {
        case unsigned, otherKey, changed, addressBehindCode, otherTransaction, repeated
    }

    private static let key = [UInt8](repeating: 7, count: 32)
    private static let seen = Endpoint(IPAddress(v4: 0xCB00_7109), 50_000)
    private static let forged = Endpoint(IPAddress(v4: 0xCB00_7163), 5_000)

    /// Reads requests, and writes what it is told to.
    private final class Answerer: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        var answers: (STUNMessage) -> [[UInt8]]
        private var framer = STUNFramer()
        init(_ answers: @escaping (STUNMessage) -> [[UInt8]]) { self.answers = answers }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = unwrapInboundIn(data)
            while let request = try? framer.next(from: &bytes) {
                for answer in answers(request) { context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: answer)), promise: nil) }
            }
        }
    }

    private static func answer(_ request: STUNMessage, _ endpoint: Endpoint, key: [UInt8]?) -> STUNMessage {
        var message = STUNMessage.bindingSuccess(to: request, mapped: endpoint)
        message.seal(key: key, key == nil ? [] : [.sha256], fingerprint: false)
        return message
    }

    private static func bytes(_ forgery: Forgery, _ request: STUNMessage, _ earlier: [UInt8]?) -> [UInt8] {
        switch forgery {
        case .unsigned: return answer(request, forged, key: nil).bytes
        case .otherKey: return answer(request, forged, key: [1, 2, 3]).bytes
        case .otherTransaction: return answer(.bindingRequest(), forged, key: key).bytes
        case .repeated: return earlier ?? []
        case .changed:
            var bytes = answer(request, seen, key: key).bytes
            bytes[STUNMessage.headerSize + 4 + 7] ^= 1
            return bytes
        case .addressBehindCode:
            var signed = STUNMessage(.success, .binding, transactionID: request.transactionID)
            signed.seal(key: key, [.sha256], fingerprint: false)
            var bytes = signed.bytes + answer(request, forged, key: nil).bytes.dropFirst(STUNMessage.headerSize)
            bytes[3] = UInt8(bytes.count - STUNMessage.headerSize)
            return bytes
        }
    }

    @Test("only an answer to an own request that is signed with the agreed key is believed", arguments: Forgery.allCases)
    func forged(_ forgery: Forgery) throws {
        let network = VirtualNetwork(.pair(.open, .open, link: LinkParameters(delay: .milliseconds(5)), seed: 1))
        let server = network.host("server")
        var isForging = false
        var earlier: [UInt8]?
        let accept: (any Channel) throws -> Void = { channel in
            try channel.pipeline.syncOperations.addHandler(
                Answerer { request in
                    guard isForging else {
                        // The first answer is honest, and as the server signs later; a repetition of it is to prove nothing.
                        let honest = Self.answer(request, Self.seen, key: request.hasIntegrity ? Self.key : nil).bytes
                        earlier = Self.answer(request, Self.forged, key: Self.key).bytes
                        return [honest]
                    }
                    return [Self.bytes(forgery, request, earlier)]
                })
            channel.setOption(.autoRead, value: true).whenSuccess { channel.read() }
        }
        _ = try server.listen(.v4, port: 3478, isShared: false, on: network.loop, accept: NIOLoopBound(accept, eventLoop: network.loop)).wait()
        let gate = Gate(before: network.host("a"), servers: server.addresses, on: network.loop)
        let port = try ReservedPort.open(0, through: gate, on: network.loop, accept: { $0.close(promise: nil) }).wait().value
        var observed: [Endpoint] = []
        let binding = STUNBinding(
            port, to: Endpoint(server.addresses[0], 3478), interface: nil, on: network.loop, keepalive: { _ in .seconds(60) },
            onEvent: { if case .observed(let endpoint) = $0 { observed.append(endpoint) } })
        network.run(for: .seconds(1))
        #expect(observed == [Self.seen])
        isForging = true
        binding.prove(key: Self.key)
        network.run(for: .seconds(1))
        #expect(observed == [Self.seen] && binding.observed == Self.seen)
        // A refresh that has no answer but a forged one ends the binding in time.
        binding.verify(within: .seconds(1))
        network.run(for: .seconds(2))
        #expect(binding.isLost && binding.observed == Self.seen)
        port.close()
    }

    @Test("a signed answer is believed, whatever stands behind its signature")
    func genuine() throws {
        let network = VirtualNetwork(.pair(.open, .open, link: LinkParameters(delay: .milliseconds(5)), seed: 1))
        let server = network.host("server")
        let accept: (any Channel) throws -> Void = { channel in
            try channel.pipeline.syncOperations.addHandler(
                Answerer { request in
                    var bytes = Self.answer(request, Self.seen, key: request.hasIntegrity ? Self.key : nil).bytes
                    bytes += Self.answer(request, Self.forged, key: nil).bytes.dropFirst(STUNMessage.headerSize)
                    bytes[3] = UInt8(bytes.count - STUNMessage.headerSize)
                    return [bytes]
                })
            channel.setOption(.autoRead, value: true).whenSuccess { channel.read() }
        }
        _ = try server.listen(.v4, port: 3478, isShared: false, on: network.loop, accept: NIOLoopBound(accept, eventLoop: network.loop)).wait()
        let gate = Gate(before: network.host("a"), servers: server.addresses, on: network.loop)
        let port = try ReservedPort.open(0, through: gate, on: network.loop, accept: { $0.close(promise: nil) }).wait().value
        let binding = STUNBinding(
            port, to: Endpoint(server.addresses[0], 3478), interface: nil, on: network.loop, keepalive: { _ in .seconds(60) }, onEvent: { _ in })
        network.run(for: .seconds(1))
        binding.prove(key: Self.key)
        network.run(for: .seconds(1))
        binding.verify(within: .seconds(1))
        network.run(for: .seconds(2))
        #expect(!binding.isLost && binding.observed == Self.seen)
        binding.close()
        port.close()
    }
}
