import Bodkin
import Foundation

// A file drop: one peer keeps the files that others send:
//     bodkin-drop receive URL DIRECTORY        prints the ID for the senders
//     bodkin-drop send URL PEER-ID FILE
let arguments = CommandLine.arguments
do {
    switch (arguments.dropFirst().first, arguments.count) {
    case ("receive", 4): try await receive(RendezvousURL(arguments[2]), into: URL(filePath: arguments[3]))
    case ("send", 5): try await send(URL(filePath: arguments[4]), to: PeerID(arguments[3]), RendezvousURL(arguments[2]))
    default: throw Failure(description: "usage: bodkin-drop receive URL DIRECTORY, or bodkin-drop send URL PEER-ID FILE")
    }
} catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    exit(1)
}

/// Sends the name of a file on the default stream, and its bytes on a second one.
func send(_ file: URL, to peer: PeerID, _ server: RendezvousURL) async throws {
    let input = try FileHandle(forReadingFrom: file)
    try await withPeer(Peer.Configuration(identity: .create(), rendezvous: server)) { local in
        let connection = try await local.connect(to: peer)
        try await connection.write(file.lastPathComponent.utf8)
        try await connection.finish()
        let content = try await connection.openStream()
        while let piece = try input.read(upToCount: 65_536), !piece.isEmpty { try await content.write(piece) }
        try await content.finish()
        guard try await connection.close() else { throw Failure(description: "The receiver has not read the whole file.") }
        print("\(file.lastPathComponent) has arrived")
    }
}

/// Receives any number of files at once. The stored identity keeps the ID the same.
func receive(_ server: RendezvousURL, into directory: URL) async throws {
    let identity = try Identity.loadOrCreate(in: directory.appending(path: ".peer").path())
    try await withPeer(Peer.Configuration(identity: identity, rendezvous: server, admission: .anyone)) { peer in
        try await peer.registered()
        print(peer.id)
        try await withThrowingDiscardingTaskGroup { group in
            for try await connection in peer.incoming {
                group.addTask { do { try await keep(connection, in: directory) } catch { connection.abort(reason: "\(error)") } }
            }
        }
    }
}

/// Writes a file of a connection. It never overwrites another file, and never leaves the directory.
func keep(_ connection: Connection, in directory: URL) async throws {
    var name = ""
    for try await bytes in connection.bytes where name.count < 256 { name += String(decoding: bytes, as: UTF8.self) }
    guard !name.isEmpty, !name.hasPrefix("."), !name.contains("/") else { throw Failure(description: "The name is no file name.") }
    try Data().write(to: directory.appending(path: name), options: .withoutOverwriting)
    let output = try FileHandle(forWritingTo: directory.appending(path: name))
    for try await bytes in try await connection.acceptStream().bytes { try output.write(contentsOf: bytes) }
    try await connection.close()
    print("\(name) from \(connection.peer)")
}

struct Failure: Error, CustomStringConvertible { let description: String }
