import BodkinCore
import BodkinProtocols
import Testing

@testable import Bodkin

@Suite("candidates and their sources")
struct CandidateSourceTests {
    /// Addresses of an interface, in the system's order.
    private static func host(_ addresses: String...) -> HostCandidates {
        let addresses = addresses.compactMap { IPAddress($0) }
        return HostCandidates { families in addresses.filter { families.contains($0.family) } }
    }

    private static func port(_ families: [IPAddress.Family] = [.v4, .v6], seenAs observed: String...) -> CandidatePort {
        CandidatePort(number: 4000, families: families, observed: observed.compactMap { Endpoint($0) })
    }

    private static func texts(_ candidates: [Candidate]) -> [String] { candidates.map { "\($0.kind) \($0.endpoint)" } }

    @Test("what the server sees comes before the host's own addresses, which have the local port")
    func order() {
        let sources: [any CandidateSource] = [ReflexiveCandidates(), Self.host("192.168.1.2", "2001:db8::2")]
        let candidates = sources.candidates(of: Self.port(seenAs: "203.0.113.1:6000"))
        #expect(
            Self.texts(candidates) == [
                "serverReflexive 203.0.113.1:6000", "host 192.168.1.2:4000", "host [2001:db8::2]:4000",
            ])
    }

    @Test("an address without NAT is named once, as what the server has seen")
    func once() {
        let sources: [any CandidateSource] = [ReflexiveCandidates(), Self.host("203.0.113.1", "192.168.1.2")]
        let port = Self.port(seenAs: "203.0.113.1:4000", "203.0.113.1:4000")
        #expect(Self.texts(sources.candidates(of: port)) == ["serverReflexive 203.0.113.1:4000", "host 192.168.1.2:4000"])
    }

    @Test("a family that the port is not bound in has no candidate of the host", arguments: [IPAddress.Family.v4, .v6])
    func families(_ family: IPAddress.Family) {
        let candidates = [Self.host("192.168.1.2", "2001:db8::2") as any CandidateSource].candidates(of: Self.port([family]))
        #expect(candidates.map(\.endpoint.address.family) == [family])
    }

    @Test("no more are named than a card holds, and one further source is one more entry of the list")
    func limit() throws {
        /// A source that does not exist yet.
        struct Mapped: CandidateSource {
            let endpoint: Endpoint
            func candidates(of port: CandidatePort) -> [Candidate] { [Candidate(.serverReflexive, endpoint)] }
        }
        let host = Self.host("10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8")
        let mapped = try #require(Endpoint("203.0.113.9:7000"))
        let sources: [any CandidateSource] = [ReflexiveCandidates(), Mapped(endpoint: mapped), host]
        let candidates = sources.candidates(of: Self.port(seenAs: "203.0.113.1:6000"))
        #expect(candidates.count == Card.maximumCandidateCount && candidates[1].endpoint == mapped)
        #expect(candidates.last.map { "\($0.endpoint)" } == "10.0.0.6:4000")
        #expect([any CandidateSource]().candidates(of: Self.port(seenAs: "203.0.113.1:6000")).isEmpty)
    }
}
