import BodkinCore
import BodkinProtocols
import BodkinTransport
import FoundationEssentials
import NIOSSL
import Synchronization

/// coturn as a relay on loopback, over TCP and TLS, with time-limited credentials.
struct TURNServer: Sendable {
    static let address = IPAddress(v4: 0x7F00_0001)
    static let secret = Array("s3cret".utf8)
    private static let folder = FileManager.default.temporaryDirectory.appending(path: "bodkin-turn-\(UInt64.random(in: 0 ... .max))").path()

    /// Below the ports that systems choose for connections; another one for each relay, because two that share one do not say so.
    let port = pairs.withLock { pair in
        pair += 1
        return pair * 2
    }
    private static let pairs = Mutex(UInt16.random(in: 5_000..<6_000))
    var endpoint: Endpoint { Endpoint(Self.address, port) }
    var tlsEndpoint: Endpoint { Endpoint(Self.address, port + 1) }
    var relayPorts: ClosedRange<UInt16> = 16_000...16_999
    var options = ""
    /// A relay whose key this one has as well.
    var twin: UInt16?

    static func credential(lasting time: Int = 600, secret: [UInt8] = secret) -> TURNCredential {
        .timeLimited(secret: secret, name: "peer", until: UInt64(Int(Date().timeIntervalSince1970) + time))
    }

    /// Runs it while `body` runs, which is given the hash of its key.
    func run(_ body: ([UInt8]) async throws -> Void) async throws {
        let folder = "\(Self.folder)-\(port)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let made = try await Program(
            "cd \(folder) && \(twin.map { "cp \(Self.folder)-\($0)/*.pem . || " } ?? "")openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=relay.test -days 1 -keyout key.pem -out cert.pem 2>&1"
        ).output()
        guard let certificate = try NIOSSLCertificate.fromPEMFile("\(folder)/cert.pem").first else { throw Failure(text: made) }
        let command = """
            cd \(folder); PATH=$PATH:/usr/sbin exec timeout -k 1 90 turnserver -n -L \(Self.address) -E \(Self.address) -p \(port) \
            --tls-listening-port \(port + 1) --cert cert.pem --pkey key.pem -r bodkin.test --use-auth-secret --static-auth-secret s3cret --no-cli \
            --allow-loopback-peers --min-port \(relayPorts.lowerBound) --max-port \(relayPorts.upperBound) --no-udp --no-dtls --no-rfc5780 \
            --log-file stdout --pidfile turn.pid --userdb turndb \(options) >log 2>&1
            """
        try await Program(command).run {
            let end = ContinuousClock.now + .seconds(20)
            for endpoint in [endpoint, tlsEndpoint] {
                while true {
                    if let stream = try? await TestStream(endpoint) {
                        stream.close()
                        break
                    }
                    guard ContinuousClock.now < end else { throw Failure(text: "coturn does not listen") }
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            try await body(CertificateIdentity.publicKeyHash(of: certificate))
        }
    }

    struct Failure: Error {
        let text: String
    }
}
