import Bodkin
import BodkinCore
import Synchronization

/// The programs of `listen --exec` that run: a limit for each remote peer, and a limit in all.
///
/// A remote peer that has its share is refused. If all places are taken, the oldest program goes of the remote peer that has the most, unless the newcomer would have as many.
struct ProgramPlaces {
    /// The most programs in all, and of one remote peer.
    static let limit = 64
    static let peerLimit = 16

    /// What becomes of a connection.
    enum Admission: Equatable {
        case admitted
        /// This program's connection is to be ended first.
        case evicting(Int)
        /// Its remote peer has its share.
        case refused
        /// A program has to end first.
        case full
    }

    /// In the order in which they began.
    private var programs: [(number: Int, peer: PeerID)] = []

    /// Takes a place for a program, if there is one.
    mutating func admit(_ number: Int, of peer: PeerID) -> Admission {
        let own = count(of: peer)
        guard own < Self.peerLimit else { return .refused }
        guard programs.count >= Self.limit else {
            programs.append((number, peer))
            return .admitted
        }
        let most = programs.max { count(of: $0.peer) < count(of: $1.peer) }
        guard let most, count(of: most.peer) > own + 1, let victim = programs.first(where: { $0.peer == most.peer }) else { return .full }
        leave(victim.number)
        programs.append((number, peer))
        return .evicting(victim.number)
    }

    /// A program has ended.
    mutating func leave(_ number: Int) { programs.removeAll { $0.number == number } }

    private func count(of peer: PeerID) -> Int { programs.count { $0.peer == peer } }
}

/// The places as the tasks of the programs share them.
final class SharedProgramPlaces: Sendable {
    private let places = Mutex(ProgramPlaces())

    func admit(_ number: Int, of peer: PeerID) -> ProgramPlaces.Admission { places.withLock { $0.admit(number, of: peer) } }
    func leave(_ number: Int) { places.withLock { $0.leave(number) } }
}
