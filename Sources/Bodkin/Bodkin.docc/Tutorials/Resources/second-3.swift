import Bodkin

let arguments = CommandLine.arguments
let identity = try Identity.loadOrCreate(in: arguments[1])
let configuration = Peer.Configuration(identity: identity, rendezvous: try RendezvousURL(arguments[2]))

try await withPeer(configuration) { peer in
    let connection = try await peer.connect(to: PeerID(arguments[3]))
    try await connection.write("good morning\n".utf8)
    try await connection.finish()
    for try await piece in connection.bytes { print(String(decoding: piece, as: UTF8.self), terminator: "") }
    print(try await connection.settled())
    try await connection.close()
}
