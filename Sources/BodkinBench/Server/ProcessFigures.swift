import FoundationEssentials
import Glibc

/// What a process takes, as /proc tells.
struct ProcessFigures {
    /// Resident bytes (VmRSS).
    let resident: Int
    /// The most that they ever were (VmHWM).
    let peak: Int
    /// Open descriptors.
    let descriptors: Int
    /// Seconds of processor time since its start, in user space and in the kernel.
    let processorTime: Double

    init(of process: pid_t) {
        resident = Self.kibibytes("VmRSS:", in: "/proc/\(process)/status") * 1024
        peak = Self.kibibytes("VmHWM:", in: "/proc/\(process)/status") * 1024
        descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/fd").count) ?? 0
        // proc_pid_stat(5): the name in parentheses may hold anything; utime and stime are the 12th and 13th after it.
        let fields = Self.text("/proc/\(process)/stat").split(separator: ")").last?.split(separator: " ") ?? []
        let ticks = fields.dropFirst(11).prefix(2).compactMap { Double($0) }.reduce(0, +)
        processorTime = ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    static func kibibytes(_ key: String, in path: String) -> Int {
        let line = text(path).split(separator: "\n").first { $0.hasPrefix(key) }
        return line?.split(separator: " ").compactMap { Int($0) }.first ?? 0
    }

    fileprivate static func text(_ path: String) -> String {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}

/// What the kernel keeps for TCP on the whole machine; on loopback that is both ends of every connection.
struct KernelFigures {
    /// Sockets that are in use, of this network namespace.
    let sockets: Int
    /// Bytes of packets in sockets' buffers.
    let buffers: Int
    /// Bytes of the kernel's own structures (Slab): sockets, files, epoll entries, and whatever else the machine does meanwhile.
    let structures: Int

    init() {
        let line = ProcessFigures.text("/proc/net/sockstat").split(separator: "\n").first { $0.hasPrefix("TCP:") } ?? ""
        let words = line.split(separator: " ")
        func value(_ name: String) -> Int {
            guard let index = words.firstIndex(where: { $0 == name }), index + 1 < words.endIndex else { return 0 }
            return Int(words[index + 1]) ?? 0
        }
        sockets = value("inuse")
        buffers = value("mem") * Int(sysconf(Int32(_SC_PAGESIZE)))
        structures = ProcessFigures.kibibytes("Slab:", in: "/proc/meminfo") * 1024
    }

    /// The load of the last minute: how busy the machine is with other things.
    static var load: String { String(ProcessFigures.text("/proc/loadavg").prefix { $0 != " " }) }
}
