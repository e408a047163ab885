import Bodkin
import BodkinLifecycle
import Logging
import ServiceLifecycle

/// An echo service, which runs until SIGTERM or SIGINT ends it in good order. Any peer may use it, for example 'bodkin connect'.
///
///     bodkin-echo URL STATE-DIRECTORY      prints the ID for the users
@main
struct Echo {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 3 else { return print("usage: bodkin-echo URL STATE-DIRECTORY") }
        let configuration = Peer.Configuration(
            identity: try .loadOrCreate(in: arguments[2]), rendezvous: try RendezvousURL(arguments[1]), admission: .anyone)
        let service = PeerService(configuration) { peer in
            try await peer.registered()
            print(peer.id)
            try await withThrowingDiscardingTaskGroup { group in
                for try await connection in peer.incoming {
                    group.addTask { await echo(connection) }
                }
            }
        }
        try await ServiceGroup(services: [service], gracefulShutdownSignals: [.sigterm, .sigint], logger: Logger(label: "echo")).run()
    }

    /// Sends back everything that comes, until the remote peer has finished.
    static func echo(_ connection: Connection) async {
        do {
            for try await bytes in connection.bytes { try await connection.write(bytes) }
            try await connection.close()
            print("served \(connection.peer)")
        } catch {
            print("\(connection.peer): \(error)")
        }
    }
}
