import BodkinCore
import BodkinProtocols

/// An open port of this peer, for which candidates are named.
struct CandidatePort {
    let number: UInt16
    /// The families that it listens in.
    let families: [IPAddress.Family]
    /// The endpoints as which the server sees it.
    let observed: [Endpoint]
}

/// A source of candidates: of endpoints under which remote peers may reach a port of this peer (RFC 8445 section 5.1.1).
///
/// A source only adds addresses; it opens no path. Where its candidates need sockets or timers, as those of a port mapping would, they belong to a machine of its
/// own and that machine's driver. The protocol has nothing of that, because neither the server-reflexive candidates nor those of the host need it.
protocol CandidateSource {
    /// The candidates of a port, the likeliest to be of use first.
    func candidates(of port: CandidatePort) -> [Candidate]
}

/// The server-reflexive candidates: what the server sees of a port through its NAT bindings.
struct ReflexiveCandidates: CandidateSource {
    func candidates(of port: CandidatePort) -> [Candidate] { port.observed.map { Candidate(.serverReflexive, $0) } }
}

/// The host candidates: the port at the addresses of the system's interfaces.
struct HostCandidates: CandidateSource {
    /// Returns the addresses of some families that remote peers are told of, the likeliest to be of use first.
    let addresses: ([IPAddress.Family]) -> [IPAddress]

    func candidates(of port: CandidatePort) -> [Candidate] {
        addresses(port.families).map { Candidate(.host, Endpoint($0, port.number)) }
    }
}

extension [any CandidateSource] {
    /// The candidates of a port from all sources, in their order: each endpoint once, and no more than a card holds.
    func candidates(of port: CandidatePort) -> [Candidate] {
        var candidates: [Candidate] = []
        for candidate in flatMap({ $0.candidates(of: port) }) where !candidates.contains(where: { $0.endpoint == candidate.endpoint }) {
            candidates.append(candidate)
        }
        return Array<Candidate>(candidates.prefix(Card.maximumCandidateCount))
    }
}
