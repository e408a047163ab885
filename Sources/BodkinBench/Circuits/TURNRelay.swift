import BodkinCore
import BodkinProtocols
import BodkinTransport
import Foundation
import Glibc
import NIOCore
import NIOPosix
import NIOSSL

/// coturn's relay of TCP connections (RFC 6062), by the client that peers have: one connection for its requests, one for the bytes, and the one that coturn makes to the
/// far end, which has no TLS.
struct TURNRelay: PlainRelay {
    private static let port: UInt16 = 4436
    private static let secret = "s3cret"

    let name: String
    private let program: ChildProgram
    private let group: any EventLoopGroup
    private let sink: TCPSink
    private let loop: any EventLoop
    private let client: NIOLoopBoundBox<TURNClient?>
    let near: TransferHandler.End
    let far: TransferHandler.End

    var process: pid_t { program.process }

    /// - Parameter isSecure: whether the client's connections have TLS.
    init(isSecure: Bool) async throws {
        name = isSecure ? "coturn, TLS" : "coturn, TCP"
        group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        sink = try await TCPSink(on: group)
        let folder = FileManager.default.temporaryDirectory.appending(path: "bodkin-bench-\(UInt32.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (port, tlsPort) = (Self.port + (isSecure ? 2 : 0), Self.port + (isSecure ? 3 : 1))
        // One thread: a connection that another one accepts finds no connection of the relay's to bind to.
        program = try ChildProgram([
            "sh", "-c",
            """
            cd \(folder.path) && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=relay -days 1 -keyout key.pem -out cert.pem
            PATH=$PATH:/usr/sbin exec turnserver -n -m 1 --use-auth-secret --static-auth-secret \(Self.secret) -r bench --no-cli --allow-loopback-peers \
            --no-udp --no-dtls --no-rfc5780 --listening-ip 127.0.0.1 --relay-ip 127.0.0.1 --listening-port \(port) --tls-listening-port \(tlsPort) \
            --cert cert.pem --pkey key.pem --log-file /dev/null --pidfile /dev/null --userdb users
            """,
        ])
        let loopback = IPAddress(v4: 0x7F00_0001)
        try await TCPSink.connect(to: Int(isSecure ? tlsPort : port), on: group).close()
        var server = TURNClient.Server(Endpoint(loopback, isSecure ? tlsPort : port))
        if isSecure, let certificate = try NIOSSLCertificate.fromPEMFile(folder.appending(path: "cert.pem").path).first {
            server = TURNClient.Server(server.endpoint, name: "relay", keyHash: try CertificateIdentity.publicKeyHash(of: certificate))
        }
        loop = group.next()
        client = NIOLoopBoundBox<TURNClient?>.makeEmptyBox(eventLoop: loop)
        near = try await TransferHandler.End(
            Self.connect(client, server, to: Endpoint(loopback, UInt16(sink.port)), on: loop))
        far = try await sink.end()
    }

    private static func connect(
        _ client: NIOLoopBoundBox<TURNClient?>, _ server: TURNClient.Server, to remote: Endpoint, on loop: any EventLoop
    ) async throws -> any Channel {
        let credential = TURNCredential.timeLimited(secret: Array(secret.utf8), name: "bench", until: UInt64(Date().timeIntervalSince1970) + 3_600)
        return try await loop.flatSubmit {
            let promise = loop.makePromise(of: (any Channel).self)
            let gate = Gate(before: KernelSystem(), servers: [server.endpoint.address], on: loop)
            client.value = TURNClient(server, as: credential, .v4, through: gate, on: loop) { event in
                switch event {
                case .allocated: client.value?.connect(to: remote).cascade(to: promise)
                case .ended(let refusal): promise.fail(refusal ?? .closed)
                case .permitted, .notPermitted, .accepted: break
                }
            }
            return promise.futureResult.flatMap { channel in channel.setOption(.autoRead, value: true).map { channel } }
        }.get()
    }

    func end() async throws {
        try? await near.channel.close()
        try await loop.submit { [client] in client.value = nil }.get()
        try await sink.close()
        try await group.shutdownGracefully()
    }
}
