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

    /// The far address and the state of each of a host's IPv4 TCP sockets. Not an instant's picture: a socket may be replaced by another one meanwhile.
    private static func sockets(in host: String, of lab: Lab) async throws -> [(far: Substring, state: Substring)] {
        try await lab.host(host).run {
            text(of: "/proc/thread-self/net/tcp").split(separator: "\n").dropFirst().compactMap { line in
                let fields = line.split(separator: " ").prefix(4)
                return fields.count == 4 ? (fields[fields.startIndex + 2].prefix(8), fields[fields.startIndex + 3]) : nil
            }
        }
    }

    /// The states alone.
    private static func states(in host: String, of lab: Lab) async throws -> [Substring] { try await sockets(in: host, of: lab).map(\.state) }

    /// How many TCP sockets of a host lead to this address and have a descriptor.
    static func count(towards address: IPAddress, in host: String, of lab: Lab) async throws -> Int {
        // The kernel writes the address as a number of the machine's own byte order (proc_pid_net(5)).
        let number = "\(address)".split(separator: ".").compactMap { UInt32($0) }.reduce(0) { $0 << 8 | $1 }
        let digits = String(number.bigEndian, radix: 16, uppercase: true)
        let text = String(repeating: "0", count: 8 - digits.count) + digits
        return try await sockets(in: host, of: lab).count { $0.far == text && $0.state != TCPState.timeWait.rawValue }
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
