import Bodkin

// bodkin-hello URL           answers whoever calls
// bodkin-hello URL PEER-ID   calls
let arguments = CommandLine.arguments
var configuration = Peer.Configuration(identity: try .create(), rendezvous: try RendezvousURL(arguments[1]))
configuration.admission = .anyone
try await withPeer(configuration) { peer in
    if arguments.count > 2 {
        let connection = try await peer.connect(to: PeerID(arguments[2]))
        try await connection.write("hello".utf8)
        print(String(decoding: try await connection.read() ?? [], as: UTF8.self))
    } else {
        print(peer.id)
        for try await connection in peer.incoming { try await connection.write(connection.read() ?? []) }
    }
}
