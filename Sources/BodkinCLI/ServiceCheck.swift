import Bodkin
import BodkinCore
import BodkinIdentity
import BodkinProtocols
import BodkinServer
import BodkinTransport
import FoundationEssentials
import NIOCore
import NIOPosix

/// `bodkin server --check`: which services of a server answer from here.
struct ServiceCheck {
    private let configuration: RendezvousServer.Configuration
    private let metrics: String?

    /// - Parameter metrics: the endpoint of the metrics; nil for none.
    init(_ configuration: RendezvousServer.Configuration, metrics: String?) { (self.configuration, self.metrics) = (configuration, metrics) }

    /// Prints a line for each service.
    /// - Throws: `CommandFailure` if one does not answer.
    func run() async throws {
        let environment = ProcessInfo.processInfo.environment["BODKIN_RENDEZVOUS"] ?? ""
        let url = try environment.isEmpty ? RendezvousServer.url(of: configuration) : RendezvousURL(environment)
        var peer = Peer.Configuration(identity: try .create(), rendezvous: url)
        peer.proxy = try url.hosts.first.flatMap { try ProxyEnvironment(ProcessInfo.processInfo.environment).proxy(for: $0) }
        let findings = await ServerCheck.run(peer)
        var problems = findings.count { $0.problem != nil }
        for finding in findings { print(finding) }
        // Only the server's own machine reaches these.
        for (name, place, path) in environment.isEmpty ? pages : [] {
            let problem = await Self.problem(at: place, path)
            if problem != nil { problems += 1 }
            print("\(name) at \(place): \(problem ?? "answers")")
        }
        guard problems == 0 else {
            throw CommandFailure(
                CommandFailure.Status.unavailable,
                "\(problems) of the services \(problems == 1 ? "does" : "do") not answer from here. The lines above say what to do.")
        }
    }

    private var pages: [(String, Endpoint, String)] {
        [("health", configuration.healthEndpoint, "/health"), ("metrics", metrics.flatMap { Endpoint($0) }, "/metrics")].compactMap {
            name, place, path in
            place.map { (name, $0, path) }
        }
    }

    private static func problem(at endpoint: Endpoint, _ path: String) async -> String? {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = eventLoop.makePromise(of: Bool.self)
        do {
            let gate = Gate(before: KernelSystem(), servers: [endpoint.address], on: eventLoop)
            let channel = try await eventLoop.flatSubmit {
                gate.connect(to: endpoint, within: .seconds(3), readsAtOnce: true, for: .server) { channel in
                    try channel.pipeline.syncOperations.addHandler(StatusReader(promise))
                }
            }.get()
            channel.eventLoop.scheduleTask(in: .seconds(3)) { channel.close(promise: nil) }
            try await channel.writeAndFlush(ByteBuffer(string: "GET \(path) HTTP/1.1\r\nHost: \(endpoint)\r\nConnection: close\r\n\r\n"))
        } catch {
            promise.fail(error)
        }
        guard let isGood = try? await promise.futureResult.get() else { return "no answer. Check that the server runs with this endpoint." }
        return isGood ? nil : "an error. Read the server's log."
    }
}

/// Reads the first line of an HTTP answer.
private final class StatusReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let promise: EventLoopPromise<Bool>
    private var head = ByteBuffer()

    init(_ promise: EventLoopPromise<Bool>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var piece = unwrapInboundIn(data)
        head.writeBuffer(&piece)
        guard head.readableBytes >= 12 else { return }
        promise.succeed(head.readableBytesView.starts(with: "HTTP/1.1 200".utf8))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { promise.fail(ChannelError.eof) }
}
