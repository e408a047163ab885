import FoundationEssentials
import Testing

/// The package's own sources: only a library product has an API. Every other target declares `package`, except the types that public
/// signatures of the products mention.
@Suite("Targets without a product stay inside the package")
struct AccessTests {
    /// The public types of targets that are not a product. ``everyException()`` fails if an entry is not needed any more.
    private static let exceptions: [String: Set<String>] = [
        // Addresses in configurations and topologies; peers; the report of a connection; the interfaces and routes of a `NetworkProfile`.
        "BodkinCore": [
            "Candidate", "ConnectionReport", "DefaultRoute", "Endpoint", "IPAddress", "IPPrefix", "NetworkInterface", "PeerID", "RelayVerdict",
            "Route",
        ],
        // `Peer.Configuration.identity`, and the credentials of a server.
        "BodkinIdentity": ["Identity", "IdentityError"],
        // The findings of `NetworkCheck` and of `Peer.networkProfile`, and conclusions from them.
        "BodkinPrediction": [
            "AllocationEstimate", "AllocationKind", "AllocationProfile", "CGNATIndicator", "Feasibility", "FilteringBehaviour", "FilteringProfile",
            "Impossibility", "MappingBehaviour", "MappingProfile", "NestingProfile", "NetworkGrade", "NetworkProfile", "NoiseEstimate",
            "PairAssessment", "PortForecast", "Recommendation", "ReferenceNetwork", "ResetLoss", "ResetProfile", "TraversalEstimate",
            "UnsolicitedReaction",
        ],
        // `Peer.Configuration.rendezvous`, `.proxy` and `.session` (of `Session` only `Session.Configuration`), `ByteStream.id`, and `TURNRelays`.
        "BodkinProtocols": ["ProxyURL", "RendezvousURL", "Session", "StreamID", "TURNURI"],
        // Errors of a connection and of a peer.
        "BodkinTransport": ["ConnectionError", "TransportError"],
        // `RendezvousServer.Configuration.quotas` and `RendezvousServer.statistics`.
        "BodkinBroker": ["Quota", "Quotas", "ServerStatistics"],
    ]

    @Test("nothing is public in them but what products expose")
    func nothingElse() throws {
        for declaration in try Self.declarations() where Self.exceptions[declaration.target]?.contains(declaration.type ?? "") != true {
            Issue.record("Declare this as `package`, or say which product exposes it: \(declaration.place): \(declaration.line)")
        }
    }

    @Test("every exception is a public type")
    func everyException() throws {
        let exposed = Dictionary(grouping: try Self.declarations(), by: \.target).mapValues { Set($0.compactMap(\.type)) }
        for (target, types) in Self.exceptions { #expect(types.subtracting(exposed[target] ?? []) == [], "not public in \(target)") }
    }

    @Test("the scan finds functions and members of other types, and passes over imports, comments and enum cases")
    func scan() {
        let source = """
            public import NIOCore

            /// A public type.
            package struct Quiet {
                @inlinable public static func loud() {}
            }
            public func global() {}
            extension Seen.Inner {
                #if os(Linux)
                public private(set) var count: Int { 1 }
                #endif
                case `public`
            }
            """
        #expect(
            Self.declarations(in: source).map { "\($0.type ?? "-") \($0.line)" } == [
                "Quiet @inlinable public static func loud() {}", "- public func global() {}", "Seen public private(set) var count: Int { 1 }",
            ])
    }
}

extension AccessTests {
    /// A public declaration of a target that is not a library product.
    private struct Declaration {
        var target = ""
        var place = ""
        /// The outermost type of the declaration; nil for a function, a type alias or a variable outside types.
        var type: String?
        var line: String
    }

    /// The public declarations of all targets that are not library products, in the order of the files.
    private static func declarations() throws -> [Declaration] {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let manifest = try String(contentsOf: root.appending(path: "Package.swift"), encoding: .utf8)
        let products = manifest.matches(of: #/\.library\(name: "\w+", targets: \[([^\]]*)\]\)/#)
            .flatMap { $0.1.matches(of: #/"(\w+)"/#).map { String($0.1) } }
        try #require(products.contains("Bodkin"))
        let sources = root.appending(path: "Sources").path()
        var result: [Declaration] = []
        for file in try FileManager.default.subpathsOfDirectory(atPath: sources).sorted() where file.hasSuffix(".swift") {
            let target = String(file.prefix { $0 != "/" })
            if products.contains(target) { continue }
            let text = try String(contentsOf: URL(filePath: sources).appending(path: file), encoding: .utf8)
            result += declarations(in: text).map { Declaration(target: target, place: "Sources/\(file)", type: $0.type, line: $0.line) }
        }
        try #require(result.count > 100)
        return result
    }

    /// The public declarations of a source, except imports. The indentation, which swift-format guarantees, tells the outermost type.
    private static func declarations(in source: String) -> [Declaration] {
        // Attributes and modifiers, the keyword of a declaration, and its name.
        let pattern =
            #/((?:@\w+(?:\([^)]*\))? |[a-z]+(?:\([a-z]+\))? )*?)(struct|enum|class|actor|protocol|extension|func|init|let|macro|subscript|typealias|var)\b ?(\w*)/#
        let types: Set<Substring> = ["struct", "enum", "class", "actor", "protocol", "extension"]
        var around: [(indentation: Int, name: String)] = []
        var result: [Declaration] = []
        for line in source.split(separator: "\n") {
            let indentation = line.prefix { $0 == " " }.count
            let text = line.dropFirst(indentation)
            around.removeAll { $0.indentation >= indentation }
            guard let match = text.prefixMatch(of: pattern) else { continue }
            if types.contains(match.2) { around.append((indentation, String(match.3))) }
            if match.1.split(separator: " ").contains(where: { $0 == "public" || $0 == "open" }) {
                result.append(Declaration(type: around.first?.name, line: String(text)))
            }
        }
        return result
    }
}
