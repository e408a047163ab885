#if os(Linux)
import BodkinEmulation
import CBodkinNATLab
import Glibc

/// The way into a running lab from another terminal: an abstract Unix socket, named by the lab's process, that vanishes with it.
///
/// One line in, one answer out: `fault FAULT`, `hosts` for the hosts and the descriptors of their namespaces, `environment HOST`. Only the same
/// user is heard.
package enum LabControl {
    private static let prefix = "bodkin-lab/"
    private static let requestLimit = 4096
    private static let answerLimit = 1 << 20

    /// The processes of this user that run labs here, lowest first.
    package static func running() -> [Int32] {
        guard let text = readFile("/proc/net/unix") else { return [] }
        let names = text.split(separator: "\n").compactMap { $0.split(separator: " ").last }.filter { $0.hasPrefix("@\(prefix)") }
        return Set(names.compactMap { Int32($0.dropFirst(prefix.count + 1)) }).sorted().filter { process in
            let result = bodkin_abstract_connect("\(prefix)\(process)")
            return result >= 0 && isGenuine(Descriptor(result), process)
        }
    }

    /// Asks a running lab for something.
    /// - Throws: ``LabError`` where there is no such lab, or with what the lab says against it.
    package static func request(_ line: String, of process: Int32) throws -> String {
        let result = bodkin_abstract_connect("\(prefix)\(process)")
        guard result >= 0 else {
            let others = running().map { "\($0)" }.joined(separator: ", ")
            throw LabError(
                .usage, "No lab runs as process \(process). " + (others.isEmpty ? "Start a lab." : "Choose from \(others)."))
        }
        let connection = Descriptor(result)
        // Any process may take the name of a lab that has ended, or of one that never was.
        guard isGenuine(connection, process) else {
            throw LabError(.notPermitted, "The socket of lab \(process) belongs to another user or another process. Choose a lab of your own.")
        }
        send(line + "\n", to: connection)
        let answer = receive(from: connection, atMost: answerLimit)
        guard answer.hasPrefix("ok\n") else {
            throw LabError(.usage, answer.isEmpty ? "The lab did not answer. Run the command as the user of the lab." : answer)
        }
        return String(answer.dropFirst(3))
    }

    /// Whether the other end of a connection is the process that it should be, and belongs to this user.
    private static func isGenuine(_ connection: Descriptor, _ process: Int32) -> Bool {
        bodkin_peer_user(connection.raw) == Int64(geteuid()) && bodkin_peer_process(connection.raw) == Int64(process)
    }

    /// Moves the calling thread into a host of a running lab.
    package static func enter(_ host: String, of process: Int32) throws {
        let hosts = try request("hosts", of: process).split(separator: "\n").map { $0.split(separator: " ") }
        guard let entry = hosts.first(where: { $0.first == host[...] }), let number = entry.last.flatMap({ Int32($0) }) else {
            throw LabError(.usage, "The lab has no host \(host). Choose from \(hosts.compactMap { $0.first }.joined(separator: ", ")).")
        }
        let raw = open("/proc/\(process)/fd/\(number)", O_RDONLY | O_CLOEXEC)
        guard raw >= 0 else { throw LabError(.notPermitted, "The lab belongs to another user. Enter it as that user.", errorNumber: errno) }
        let descriptor = Descriptor(raw)
        try withExtendedLifetime(descriptor) {
            _ = try system(bodkin_netns_enter(descriptor.raw), "the host cannot be entered, is the lab another user's?")
        }
    }

    /// The variables that programs in a host of a running lab find.
    package static func environment(of host: String, of process: Int32) throws -> [(name: String, value: String)] {
        try request("environment \(host)", of: process).split(separator: "\n").compactMap { line in
            line.firstIndex(of: "=").map { (String(line[..<$0]), String(line[line.index(after: $0)...])) }
        }.filter { $0.0.hasPrefix("BODKIN_LAB_") }
    }

    static func serve(_ lab: Lab, on listener: Descriptor, until stop: Descriptor) async throws {
        while !Task.isCancelled {
            guard try await SystemThread.run("lab-control", { isReadable(listener, unless: stop, -1) }) else { return }
            let raw = accept(listener.raw, nil, nil)
            guard raw >= 0 else { continue }
            let connection = Descriptor(raw)
            guard bodkin_peer_user(raw) == Int64(geteuid()) else { continue }
            let line = try await SystemThread.run("lab-control") { receive(from: connection, atMost: requestLimit, until: 0x0A, unless: stop) }
            send(await answer(line.split(separator: "\n").first.map(String.init) ?? "", lab), to: connection)
        }
    }

    static func listen() throws -> Descriptor {
        try Descriptor(checking: bodkin_abstract_listen("\(prefix)\(getpid())"), "the lab cannot be reached from other terminals")
    }

    private static func answer(_ line: String, _ lab: Lab) async -> String {
        let words = line.split(separator: " ", maxSplits: 1).map(String.init)
        switch words.first {
        case "hosts": return "ok\n" + lab.hosts.map { "\($0.name) \($0.address) \($0.namespace.descriptor.raw)\n" }.joined()
        case "fault":
            guard words.count == 2, let fault = Fault(words[1]) else { return "'\(line)' is no fault: see 'bodkin lab fault --help'" }
            do { try await lab.apply(fault) } catch { return "\(error)" }
            return "ok\n"
        case "environment":
            guard words.count == 2, let host = try? lab.host(words[1]) else { return "the lab has no such host: see 'bodkin lab list'" }
            return "ok\n" + Lab.environment(for: host.name, in: lab.topology).map { "\($0.key)=\($0.value)\n" }.joined()
        default: return "unknown request: the lab and this command are of different versions, use the same"
        }
    }

    /// Waits until a descriptor can be read; false when it is time to stop, or after `timeout` milliseconds unless that is negative.
    private static func isReadable(_ descriptor: Descriptor, unless stop: Descriptor?, _ timeout: Int32) -> Bool {
        var waits = [pollfd(fd: descriptor.raw, events: Int16(POLLIN), revents: 0), pollfd(fd: stop?.raw ?? -1, events: Int16(POLLIN), revents: 0)]
        while true {
            let count = poll(&waits, 2, timeout)
            if count < 0 && errno == EINTR { continue }
            return count > 0 && waits[1].revents == 0
        }
    }

    private static func send(_ text: String, to connection: Descriptor) {
        _ = Array(text.utf8).withUnsafeBytes { Glibc.send(connection.raw, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    }

    private static func receive(from connection: Descriptor, atMost limit: Int, until end: UInt8? = nil, unless stop: Descriptor? = nil) -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: requestLimit)
        while bytes.count < limit, isReadable(connection, unless: stop, 5000) {
            let count = recv(connection.raw, &buffer, buffer.count, 0)
            guard count > 0 else { break }
            bytes += buffer.prefix(count)
            if let end, buffer.prefix(count).contains(end) { break }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func readFile(_ path: String) -> String? {
        let raw = open(path, O_RDONLY | O_CLOEXEC)
        guard raw >= 0 else { return nil }
        let file = Descriptor(raw)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while bytes.count < 16 << 20 {
            let count = read(file.raw, &buffer, buffer.count)
            guard count > 0 else { break }
            bytes += buffer.prefix(count)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Runs `body` while the lab can be reached from other terminals by ``LabControl``; where the name for that is taken, it cannot, and runs all the same.
package func withControl<T: Sendable>(of lab: Lab, _ body: @escaping @Sendable () async throws -> T) async throws -> T {
    guard let listener = try? LabControl.listen() else { return try await body() }
    let stop = try Descriptor.pipe()
    return try await withThrowingTaskGroup(of: T?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await LabControl.serve(lab, on: listener, until: stop.read)
            return nil
        }
        defer { _ = Glibc.write(stop.write.raw, "x", 1) }
        while let result = try await group.next() {
            if let result { return result }
        }
        throw LabError(.ended, "The lab ended before its work was done. Run it again.")
    }
}
#endif
