import BodkinNATLab

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What the kernel says of sockets.
enum SocketTable {
    /// A state of a TCP socket, as proc_pid_net(5) numbers it.
    enum TCPState: String {
        case halfOpen = "02"
        case timeWait = "06"
        case listening = "0A"
    }

    /// The states of a host's IPv4 TCP sockets. Not an instant's picture: a socket may be replaced by another one meanwhile.
    private static func states(in host: String, of lab: Lab) async throws -> [Substring] {
        try await lab.host(host).run {
            text(of: "/proc/thread-self/net/tcp").split(separator: "\n").dropFirst().compactMap { $0.split(separator: " ").dropFirst(3).first }
        }
    }

    /// How many TCP sockets of a host are in this state.
    static func count(_ state: TCPState, in host: String, of lab: Lab) async throws -> Int {
        try await states(in: host, of: lab).count { $0 == state.rawValue }
    }

    /// How many TCP sockets of a host have a descriptor: all but those in TIME_WAIT.
    static func count(in host: String, of lab: Lab) async throws -> Int {
        try await states(in: host, of: lab).count { $0 != TCPState.timeWait.rawValue }
    }

    /// The kernel gives such files a page at a time.
    private static func text(of path: String) -> String {
        guard let file = fopen(path, "re") else { return "" }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = fread(&piece, 1, piece.count, file)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += piece[..<count]
        }
    }
}
