import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinProtocols
import BodkinServer
import BodkinTransport
import FoundationEssentials
import NIOSSL

/// coturn on a public host of a lab, over TCP and TLS, with the settings that operators are given.
struct LabRelay: Sendable {
    static let secret = Array("s3cret".utf8)
    static let (port, tlsPort): (UInt16, UInt16) = (3478, 443)

    let host: String
    /// Lines of its settings that count instead of those.
    var options: [String] = []

    /// Runs it while `body` runs, which is given its address over TCP, or over TLS.
    func run<Result: Sendable>(in lab: Lab, secure: Bool = false, _ body: @Sendable (Running) async throws -> Result) async throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: "bodkin-relay-\(UInt64.random(in: 0 ... .max))").path()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let place = try lab.host(host)
        let make = "cd \(folder) && openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=relay.test -days 1 -keyout key.pem -out cert.pem"
        _ = try await place.run("bash", "-c", make)
        guard let certificate = try NIOSSLCertificate.fromPEMFile("\(folder)/cert.pem").first else { throw LabError(.usage, "no certificate") }
        let key = try CertificateIdentity.publicKeyHash(of: certificate)
        let address = secure ? "turns:\(place.address):\(Self.tlsPort)#\(Data(key).base64URL)" : "turn:\(place.address):\(Self.port)"
        let running = Running(relay: self, place: place, folder: folder, address: try TURNURI(address))
        try await running.start()
        do {
            let result = try await body(running)
            await running.stop()
            return result
        } catch {
            await running.stop()
            throw error
        }
    }

    /// The relay while it runs.
    actor Running {
        private let relay: LabRelay
        private let place: LabHost
        private let folder: String
        nonisolated let address: TURNURI
        private var process: LabProcess?
        private static let settings = URL(filePath: #filePath).appending(path: "../../../../packaging/relay.conf").standardized.path()

        init(relay: LabRelay, place: LabHost, folder: String, address: TURNURI) {
            (self.relay, self.place, self.folder, self.address) = (relay, place, folder, address)
        }

        func start() async throws {
            let command = """
                cd \(folder); { sed s/REPLACE-ME/s3cret/ \(Self.settings) \(relay.options == ["no-tcp-relay"] ? "| grep -v no-udp-relay" : ""); printf '%s\\n' \(relay.options.joined(separator: " ")); } >relay.conf
                PATH=$PATH:/usr/sbin exec turnserver -c relay.conf -L \(place.address) -E \(place.address) --cert cert.pem --pkey key.pem \
                --pidfile turn.pid --userdb turndb >>log 2>&1
                """
            process = try place.start(["bash", "-c", command])
            let wait = "for i in $(seq 400); do nc -z \(place.address) \(LabRelay.tlsPort) && exit; sleep 0.05; done; exit 1"
            guard try await place.run("bash", "-c", wait).status == 0 else { throw LabError(.usage, "coturn does not listen.") }
        }

        /// Ends it at once, as a machine that loses power.
        func stop() async {
            process?.kill()
            _ = await process?.wait()
            process = nil
        }

        var log: String { (try? String(contentsOfFile: "\(folder)/log", encoding: .utf8)) ?? "" }
    }
}

extension Data {
    fileprivate var base64URL: String { String(base64EncodedString().compactMap { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 == "=" ? nil : $0 }) }
}
