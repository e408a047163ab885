import FoundationEssentials
import Testing

/// The sources of a peer: what opens a socket to an endpoint stands behind the gate, because each of these has its `Passage` from there.
@Suite("Nothing but the gate opens a way out")
struct GateScanTests {
    /// What opens a connection or sends a datagram, and the one file where it may stand.
    static let openers = [
        "ClientBootstrap(": "BodkinTransport/KernelSystem.swift",
        "DatagramBootstrap(": "BodkinTransport/Probes/STUNSocket.swift",
        "HopProbe.send(": "BodkinTransport/Probes/NestingProbe.swift",
        "bodkin_hop_probe(": "BodkinSystem/HopProbe+Linux.swift",
        "ConnectRequest(": "BodkinTransport/Gate.swift",
        "Passage(to:": "BodkinProtocols/Gate/OutboundGate.swift",
        "RawSocketBootstrap(": "",
        "NIOClientTCPBootstrap": "",
    ]
    /// The targets that a peer's process links. The server's connections are its own affair.
    private static let targets = [
        "Bodkin", "BodkinCLI", "BodkinCore", "BodkinIdentity", "BodkinPrediction", "BodkinProtocols", "BodkinSystem", "BodkinTransport",
    ]

    @Test("each stands in one file", arguments: openers.keys.sorted())
    func places(_ opener: String) throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().appending(
            path: "Sources")
        var found: Set<String> = []
        for target in Self.targets {
            let folder = root.appending(path: target)
            let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
            for name in names where name.hasSuffix(".swift") {
                let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
                let lines = text.split(separator: "\n").filter { !$0.drop { $0 == " " }.hasPrefix("//") }
                if lines.contains(where: { $0.contains(opener) }) { found.insert("\(target)/\(name)") }
            }
        }
        #expect(found == Set([Self.openers[opener] ?? ""].filter { !$0.isEmpty }))
    }
}
