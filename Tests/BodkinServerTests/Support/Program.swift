import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What has a shell close what it has inherited: other tests' sockets would stay open as long as it runs.
let closingInherited = #"for f in /proc/$$/fd/*; do n=${f##*/}; [ "$n" -gt 2 ] && eval "exec $n>&-"; done"#

/// What a program says, on both its outputs, within ten seconds.
func output(of command: String) async throws -> String {
    try await NIOThreadPool.singleton.runIfActive {
        guard let pipe = popen("exec bash -c '\(closingInherited); exec timeout 10 \"$@\"' program sh -c '\(command)' 2>&1 < /dev/null", "r") else {
            return ""
        }
        defer { pclose(pipe) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = fread(&piece, 1, piece.count, pipe)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += piece[..<count]
        }
    }
}
