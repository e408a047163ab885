import BodkinCore
import Synchronization

/// Who may use a server at the moment, and which relays: its tokens, and the peers that it refuses. All may be replaced while it runs.
///
/// Each token has a number, by which its use is counted. If a name gets other bytes, that is another token.
final class Access: Sendable {
    private struct State {
        var admission: RendezvousServer.Configuration.Admission
        var refused: Set<PeerID>
        var relays: TURNRelays?
        var numbers: [JoinTokens.Entry: Int] = [:]
        var count = 1
    }

    private let state: Mutex<State>

    init(_ admission: RendezvousServer.Configuration.Admission, refusing refused: Set<PeerID>, relays: TURNRelays? = nil) {
        var state = State(admission: admission, refused: refused, relays: relays)
        Self.number(admission, &state)
        self.state = Mutex(state)
    }

    /// The number of a token; nil where it lets nobody in. Every token is compared, so that the time says nothing.
    func number(of offered: some Sequence<UInt8>) -> Int? {
        let (admission, numbers) = state.withLock { ($0.admission, $0.numbers) }
        switch admission {
        case .open: return 0
        case .tokens(let tokens):
            let offered = Array(offered)
            var number: Int?
            for entry in tokens.entries where entry.token.matches(offered) { number = numbers[entry] }
            return number
        }
    }

    /// Whether this peer is refused, whatever its token.
    func refuses(_ peer: PeerID) -> Bool { state.withLock { $0.refused.contains(peer) } }

    /// The TURN relays that peers are told of; nil where there are none.
    var relays: TURNRelays? { state.withLock { $0.relays } }

    /// Replaces the relays.
    func replace(_ relays: TURNRelays?) { state.withLock { $0.relays = relays } }

    /// Replaces who may use the server.
    /// - Returns: the numbers of the tokens that are good no more.
    func replace(_ admission: RendezvousServer.Configuration.Admission, refusing refused: Set<PeerID>) -> Set<Int> {
        state.withLock { state in
            let former = Self.numbers(state)
            state.admission = admission
            state.refused = refused
            Self.number(admission, &state)
            let present = Self.numbers(state)
            return former.subtracting(present)
        }
    }

    private static func numbers(_ state: State) -> Set<Int> {
        switch state.admission {
        case .open: [0]
        case .tokens: Set(state.numbers.values)
        }
    }

    private static func number(_ admission: RendezvousServer.Configuration.Admission, _ state: inout State) {
        guard case .tokens(let tokens) = admission else { return state.numbers = [:] }
        var numbers: [JoinTokens.Entry: Int] = [:]
        for entry in tokens.entries {
            numbers[entry] = state.numbers[entry] ?? state.count
            if numbers[entry] == state.count { state.count += 1 }
        }
        state.numbers = numbers
    }
}
