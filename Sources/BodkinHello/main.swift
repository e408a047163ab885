import Bodkin

let arguments = CommandLine.arguments
let identity = try Identity.loadOrCreate(in: arguments[1])
let url = try RendezvousURL(arguments[2])
let configuration = Peer.Configuration(identity: identity, rendezvous: url, admission: .anyone)
try await withPeer(configuration) { peer in
    if arguments.count > 3 {
        let connection = try await peer.connect(to: PeerID(arguments[3]))
        try await connection.write("hello".utf8)
        print(String(decoding: try await connection.read() ?? [], as: UTF8.self))
    } else {
        print(peer.id)
        for try await connection in peer.incoming {
            try await connection.write(connection.read() ?? [])
        }
    }
}
