package import BodkinCore
import BodkinProtocols

extension RendezvousBroker {
    /// Tokens are good no more, and peers are refused: whatever runs under them ends, and nobody joins under them again.
    /// - Parameters:
    ///   - revoked: numbers of tokens.
    ///   - refused: all peers that are refused from now on.
    package mutating func restrict(revoking revoked: Set<Int>, refusing refused: Set<PeerID>) {
        revokedTokens.formUnion(revoked)
        refusedPeers = refused
        for (id, client) in clients {
            if isRevoked(client.accounts[0]) {
                fail(id, .token, "The join token has been revoked. Ask the server's operator for a new URL.")
            } else if refused.contains(client.peer) {
                fail(id, .token, "The server refuses this peer. Ask the server's operator.")
            }
        }
    }

    func isRevoked(_ account: Account) -> Bool {
        guard case .token(let number) = account else { return false }
        return revokedTokens.contains(number)
    }
}
