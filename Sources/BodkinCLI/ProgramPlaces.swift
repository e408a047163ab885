import Bodkin
import BodkinCore
import Synchronization

/// The programs of `listen --exec` that run: a limit for each remote peer, and a limit in all.
///
/// A remote peer that has its share is refused. If all places are taken, the poorest claim makes room: the oldest program of the remote peer that has the most, unless
/// the new connection would have as many; otherwise a program whose connection carries nothing. Keys are free, so without that somebody with many keys who says nothing
/// would keep everybody else out.
struct ProgramPlaces {
    typealias Time = ContinuousClock.Instant

    /// The most programs in all, and of one remote peer.
    static let limit = 64
    static let peerLimit = 16
    /// For how long a connection is left alone that has never carried a byte, and one that has.
    static let silence = Duration.seconds(10)
    static let idleness = Duration.seconds(300)

    /// What becomes of a connection.
    enum Admission: Equatable {
        case admitted
        /// This program's connection is to be ended first.
        case evicting(Int)
        /// Its remote peer has its share.
        case refused
        /// A program has to end first, or may be ended then.
        case full(until: Time)
    }

    private struct Program {
        let number: Int
        let peer: PeerID
        let start: Time
        /// When its connection last carried a byte, in either direction.
        var active: Time?

        /// From when on it may make room for somebody else.
        var end: Time { active.map { $0 + ProgramPlaces.idleness } ?? start + ProgramPlaces.silence }
    }

    /// In the order in which they began.
    private var programs: [Program] = []

    /// Takes a place for a program, if there is one.
    mutating func admit(_ number: Int, of peer: PeerID, at now: Time) -> Admission {
        let own = count(of: peer)
        guard own < Self.peerLimit else { return .refused }
        guard programs.count >= Self.limit else {
            programs.append(Program(number: number, peer: peer, start: now))
            return .admitted
        }
        guard let victim = richest(above: own + 1) ?? silent(at: now) else { return .full(until: programs.map(\.end).min() ?? now) }
        leave(victim.number)
        programs.append(Program(number: number, peer: peer, start: now))
        return .evicting(victim.number)
    }

    /// The oldest program of the remote peer that has the most, if that peer has more than `count`.
    private func richest(above count: Int) -> Program? {
        let most = programs.max { self.count(of: $0.peer) < self.count(of: $1.peer) }
        return most.flatMap { most in self.count(of: most.peer) > count ? programs.first { $0.peer == most.peer } : nil }
    }

    /// The oldest program whose connection has never carried a byte, or else the one that has carried none for the longest time.
    private func silent(at now: Time) -> Program? {
        programs.first { $0.active == nil && $0.end <= now } ?? programs.filter { $0.end <= now }.min { $0.end < $1.end }
    }

    /// A program's connection has carried bytes.
    mutating func carried(by number: Int, at now: Time) {
        if let index = programs.firstIndex(where: { $0.number == number }) { programs[index].active = now }
    }

    /// A program has ended.
    mutating func leave(_ number: Int) { programs.removeAll { $0.number == number } }

    private func count(of peer: PeerID) -> Int { programs.count { $0.peer == peer } }
}

/// The places as the tasks of the programs share them.
final class SharedProgramPlaces: Sendable {
    private let places = Mutex(ProgramPlaces())

    func admit(_ number: Int, of peer: PeerID) -> ProgramPlaces.Admission { places.withLock { $0.admit(number, of: peer, at: .now) } }
    func carried(by number: Int) { places.withLock { $0.carried(by: number, at: .now) } }
    func leave(_ number: Int) { places.withLock { $0.leave(number) } }
}
