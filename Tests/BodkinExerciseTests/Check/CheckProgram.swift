import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinServer
import FoundationEssentials
import Testing

/// `bodkin check --json`, as far as the tests look at it.
struct CheckOutput: Decodable {
    struct Server: Decodable { var reachable: Bool }
    struct Mapping: Decodable { var mapping: String }
    struct Allocation: Decodable {
        var kind: String
        var delta: Int?
        var lowest: Int?
        var highest: Int?
        var kept: Bool?
        var outside: [String]
        var carrier: String?
    }
    struct DatagramAllocation: Decodable {
        var kind: String
        var delta: Int?
        var kept: Bool?
    }
    struct Filtering: Decodable {
        var behaviour: String
        var sameAddress: String
        var otherAddress: String?

        enum CodingKeys: String, CodingKey {
            case behaviour
            case sameAddress = "same_address"
            case otherAddress = "other_address"
        }
    }
    struct Reset: Decodable {
        var loss: String?
        var keepsEndpoint: Bool?
        var sparesOthers: Bool?

        enum CodingKeys: String, CodingKey {
            case loss
            case keepsEndpoint = "keeps_endpoint"
            case sparesOthers = "spares_others"
        }
    }
    struct Nesting: Decodable {
        struct Hop: Decodable {
            var hop: Int
            var address: String
        }
        var nats: Int
        var further: Bool?
        var outsideHop: Int?
        var hops: [Hop]

        enum CodingKeys: String, CodingKey {
            case nats
            case further
            case outsideHop = "outside_hop"
            case hops
        }
    }
    struct Grade: Decodable {
        struct Outcome: Decodable {
            var far: String
            var outcome: String
        }
        var family: String
        var grade: String
        var with: [Outcome]
    }
    struct Improvement: Decodable { var name: String }

    var server: Server
    var tcp: [Mapping]
    var udp: [Mapping]
    var allocation: [Allocation]
    var filtering: [Filtering]
    var hairpin: Bool?
    var reset: [Reset]
    var nesting: Nesting?
    var udpAllocation: [DatagramAllocation]
    var udpFiltering: [Filtering]
    var grades: [Grade]
    var improvements: [Improvement]
    var peer: Pair?

    enum CodingKeys: String, CodingKey {
        case server
        case tcp
        case udp
        case allocation
        case filtering
        case hairpin
        case reset
        case nesting
        case udpAllocation = "udp_allocation"
        case udpFiltering = "udp_filtering"
        case grades
        case improvements
        case peer
    }

    struct Pair: Decodable {
        var reachable: Bool
        var ports: String?
        var outside: String?
        var outcome: String?
        var by: String?
        var reason: String?
        var message: String?
    }
}

/// The built program in a lab.
enum CheckProgram {
    /// The command beside the test bundle.
    static let path: String = {
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        return URL(filePath: bundle).deletingLastPathComponent().appending(path: "bodkin").path()
    }()

    /// A host `a` behind boxes, the one next to it first, and a server with two addresses.
    static func topology(_ layers: [NATParameters], delay: Duration = .zero) -> Topology {
        var topology = Topology(seed: 1)
        let link = LinkParameters(delay: delay)
        topology.addServer(link: link)
        var parent: String?
        for (depth, parameters) in layers.enumerated().reversed() {
            let box = topology.addBox("nat\(depth)", parameters, inside: parent, isCarrier: depth > 0, link: parent == nil ? link : LinkParameters())
            parent = box.name
        }
        topology.addHost("a", inside: parent, link: parent == nil ? link : LinkParameters())
        return topology
    }

    /// Runs `bodkin` with the environment of a place in a host.
    static func run(_ arguments: [String], in host: String, of place: PeerLab) async throws -> ProcessResult {
        let state = "/tmp/bodkin-check-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: state) }
        return try await place.lab.host(host).run([path] + arguments, environment: ["BODKIN_RENDEZVOUS": "\(place.url)", "BODKIN_STATE": state])
    }

    /// `bodkin check --json` behind boxes; the server has a second address unless it is to have one only.
    static func check(_ layers: [NATParameters], hasSecondAddress: Bool = true) async throws -> CheckOutput {
        try await withPeerLab(
            topology(layers),
            server: {
                guard hasSecondAddress, let first = IPAddress("198.51.100.1") else { return }
                ($0.bindAddresses, $0.secondAddress) = ([first], IPAddress("198.51.100.2"))
            },
            { place in
                let result = try await run(["check", "--json"], in: "a", of: place)
                #expect(result.status == 0, "\(result)")
                return try JSONDecoder().decode(CheckOutput.self, from: Data(result.output.utf8))
            })
    }
}
