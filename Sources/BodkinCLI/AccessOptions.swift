import ArgumentParser
import BodkinCore
import BodkinIdentity
import BodkinServer

/// Who may use a server, as files say that are read again on SIGHUP.
struct AccessOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Read the join tokens from this file: a name and 16 to 64 bytes in base64 a line.", valueName: "file"),
        completion: .file())
    var tokens: String?
    @Option(help: ArgumentHelp("Refuse the peers in this file, a peer ID a line.", valueName: "file"), completion: .file())
    var refuse: String?
    @Flag(help: "Let any peer use the server without a token, up to the quotas.")
    var open = false

    func validate() throws { if open, tokens != nil { throw ValidationError("--open and --tokens contradict each other. Give one of them.") } }

    /// What is let in now.
    func admission(_ directory: StateDirectory) throws -> RendezvousServer.Configuration.Admission {
        if open { return .open }
        guard let tokens else { return .tokens(JoinTokens(try directory.joinToken())) }
        do {
            return .tokens(try JoinTokens(parsing: try Self.read(tokens)))
        } catch let error as JoinTokens.ParseError {
            throw CommandFailure(CommandFailure.Status.data, "\(tokens) holds no join tokens. \(error.message)")
        }
    }

    /// Who is refused now.
    func refusedPeers() throws -> Set<PeerID> {
        guard let refuse else { return [] }
        var peers: Set<PeerID> = []
        for line in try Self.read(refuse).split(separator: "\n") {
            guard let word = line.split(whereSeparator: \.isWhitespace).first, !word.hasPrefix("#") else { continue }
            guard let peer = try? PeerID(String(word)) else {
                throw CommandFailure(CommandFailure.Status.data, "\(refuse) has a line that is no peer ID. Write one peer ID a line.")
            }
            peers.insert(peer)
        }
        return peers
    }

    private static func read(_ file: String) throws -> String {
        guard let text = try SecretFile.read(file, limit: 1 << 20) else {
            throw CommandFailure(CommandFailure.Status.data, "There is no file \(file). Name the file that holds the list.")
        }
        return text
    }
}
