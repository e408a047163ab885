import Bodkin
import Foundation

/// A chat of two people: the lines of each go to the other, and the end of input ends the chat.
///
///     bodkin-chat URL              waits for a call, and prints the ID for it
///     bodkin-chat URL PEER-ID      calls
@main
struct Chat {
    static func main() async {
        let arguments = CommandLine.arguments
        guard 2...3 ~= arguments.count else { fatal("usage: bodkin-chat URL [PEER-ID]") }
        do { try await run(arguments) } catch { fatal("\(error)") }
    }

    static func run(_ arguments: [String]) async throws {
        // The identity is good for one chat. See the file drop for one that is stored.
        let configuration = Peer.Configuration(
            identity: try .create(), rendezvous: try RendezvousURL(arguments[1]), admission: arguments.count == 2 ? .anyone : .nobody)
        try await withPeer(configuration) { peer in
            if arguments.count == 3 { return try await chat(over: peer.connect(to: PeerID(arguments[2]))) }
            try await peer.registered()
            print("Give this ID to the other person: \(peer.id)")
            for try await connection in peer.incoming { return try await chat(over: connection) }
        }
    }

    /// Sends the lines of standard input, and prints what comes.
    static func chat(over connection: Connection) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await line in lines() { try await connection.write(line.utf8) }
                try await connection.finish()
            }
            group.addTask {
                for try await bytes in connection.bytes { FileHandle.standardOutput.write(Data(bytes)) }
            }
            try await group.waitForAll()
        }
        guard try await connection.close() else { fatal("The other person has not read everything.") }
    }

    /// The lines of standard input. A thread reads them, because reading blocks.
    static func lines() -> AsyncStream<String> {
        AsyncStream { continuation in
            Thread.detachNewThread {
                while let line = readLine(strippingNewline: false) { continuation.yield(line) }
                continuation.finish()
            }
        }
    }

    static func fatal(_ message: String) -> Never {
        FileHandle.standardError.write(Data((message + "\n").utf8))
        exit(1)
    }
}
