import BodkinCore
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

    /// A TCP socket: the far address as the kernel writes it, and the state.
    private typealias Socket = (far: Substring, state: Substring)

    /// The IPv4 TCP sockets of the network that the calling thread is in. Not an instant's picture: a socket may be replaced by another one meanwhile.
    private static var sockets: [Socket] {
        text(of: "/proc/thread-self/net/tcp").split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(separator: " ").prefix(4)
            return fields.count == 4 ? (fields[fields.startIndex + 2].prefix(8), fields[fields.startIndex + 3]) : nil
        }
    }

    /// The states of a host's sockets.
    private static func states(in host: String, of lab: Lab) async throws -> [Substring] { try await lab.host(host).run { sockets.map(\.state) } }

    /// How many sockets of the calling thread's network lead to this address: all that have a descriptor, and of these the half-open ones.
    static func counts(towards address: IPAddress) -> (all: Int, halfOpen: Int) {
        // The kernel writes the address as a number of the machine's own byte order (proc_pid_net(5)).
        let number = "\(address)".split(separator: ".").compactMap { UInt32($0) }.reduce(0) { $0 << 8 | $1 }
        let digits = String(number.bigEndian, radix: 16, uppercase: true)
        let text = String(repeating: "0", count: 8 - digits.count) + digits
        let found = sockets.filter { $0.far == text && $0.state != TCPState.timeWait.rawValue }
        return (found.count, found.count { $0.state == TCPState.halfOpen.rawValue })
    }

    /// How many TCP sockets of a host are in this state.
    static func count(_ state: TCPState, in host: String, of lab: Lab) async throws -> Int {
        try await states(in: host, of: lab).count { $0 == state.rawValue }
    }

    /// How many a peer at rest has behind one address: it listens, and it has a link and a NAT-binding connection to the server. Right after it has begun, and on a busy
    /// machine, there may be a second try of either beside.
    static let atRest = 3

    /// Returns when the peer in a host has what it has at rest, and no more.
    static func rest(in host: String, of lab: Lab) async throws {
        do {
            try await eventually("the end of every socket") { try await count(in: host, of: lab) == atRest }
        } catch let error as Missing {
            throw Missing(description: "\(error), states of those there are: \(try await states(in: host, of: lab).joined(separator: " "))")
        }
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
