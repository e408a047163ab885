import Bodkin

let arguments = CommandLine.arguments
let identity = try Identity.loadOrCreate(in: arguments[1])

var configuration = Peer.Configuration(identity: identity, rendezvous: try RendezvousURL(arguments[2]))
configuration.admission = .anyone

try await withPeer(configuration) { peer in
    print(peer.id)
    try await withThrowingDiscardingTaskGroup { group in
        for try await connection in peer.incoming {
            group.addTask {
                for try await piece in connection.bytes { try await connection.write(piece) }
                try await connection.close()
            }
        }
    }
}
