import Bodkin

let arguments = CommandLine.arguments
let identity = try Identity.loadOrCreate(in: arguments[1])
let configuration = Peer.Configuration(identity: identity, rendezvous: try RendezvousURL(arguments[2]))

try await withPeer(configuration) { peer in
    let connection = try await peer.connect(to: PeerID(arguments[3]))
    print(connection.peer)
}
