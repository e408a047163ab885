import BodkinCore
import BodkinNATLab
import Glibc

/// An echo by socat over OpenSSL, TLS 1.3 with an Ed25519 certificate: two processes of socat with buffers of 64 KiB, the far one with a pipe (cat is
/// slower). Its time holds the start of the processes and the handshake.
struct SocatEcho: Sendable {
    private static let port = 4434
    private static let options = "verify=0,openssl-min-proto-version=TLS1.3"

    private let host: LabHost
    private let directory: String

    /// Has openssl make a certificate.
    init(in host: LabHost) async throws {
        self.host = host
        var template = Array("/tmp/bodkin-bench-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw LabError(.system, "no temporary directory: \(String(cString: strerror(errno)))") }
        directory = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
        let made = try await host.run(
            "openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=bodkin", "-days", "1", "-keyout", "\(directory)/key.pem", "-out",
            "\(directory)/certificate.pem")
        guard made.status == 0 else { throw LabError(.system, "openssl makes no certificate: \(made.error.suffix(300))") }
    }

    /// Starts both ends, has so many bytes echoed, and waits for their end.
    func echo(_ byteCount: Int) async throws {
        let listen = "OPENSSL-LISTEN:\(Self.port),reuseaddr,cert=\(directory)/certificate.pem,key=\(directory)/key.pem,\(Self.options)"
        let server = try host.start(["socat", "-b", "65536", "-t", "30", listen, "PIPE"])
        let source = "OPEN:/dev/zero,readbytes=\(byteCount)!!STDOUT"
        let connect = "OPENSSL:\(host.address):\(Self.port),\(Self.options)"
        let script = """
            until ss -Hltn 'sport = :\(Self.port)' | grep -q .; do sleep 0.01; done
            socat -b 65536 -t 30 '\(source)' '\(connect)' | wc -c
            """
        let client = try await host.run("sh", "-c", script)
        let ended = await server.wait()
        guard Int(client.output.split(whereSeparator: \.isWhitespace).first ?? "") == byteCount else {
            throw BenchmarkFailure("socat echoed \(client.output) of \(byteCount) bytes: \(client.error.suffix(300)) \(ended.error.suffix(300))")
        }
    }

    func remove() {
        for name in ["key.pem", "certificate.pem"] { unlink("\(directory)/\(name)") }
        rmdir(directory)
    }
}
