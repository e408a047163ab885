#if os(Linux)
public import BodkinCore
public import BodkinEmulation
import Glibc
import Synchronization

/// A host of a running lab: a network namespace with the interface `eth0`, and `eth1` and so on where the topology has them.
public final class LabHost: Sendable {
    /// The host in the topology.
    public let specification: Topology.Host
    /// Its interfaces, `eth0` first, each with a default route; the first one's is preferred.
    public let interfaces: [Topology.Interface]
    let namespace: Namespace
    private let environment: [String: String]
    private let processes = Mutex<[LabProcess]>([])

    init(_ specification: Topology.Host, _ interfaces: [Topology.Interface], _ namespace: Namespace, environment: [String: String]) {
        self.specification = specification
        self.interfaces = interfaces
        self.namespace = namespace
        self.environment = environment
    }

    /// Its name.
    public var name: String { specification.name }

    /// The IPv4 address it prefers.
    public var address: IPAddress { specification.addresses[0] }

    /// Runs `body` on a throw-away thread inside the host: sockets made there belong to the host wherever they are used afterwards.
    public func run<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T { try await namespace.run(body) }

    /// Starts a program in the host with the lab's variables (see ``Lab/environment(for:in:)``). It inherits the variables of this
    /// process, except those that begin with `BODKIN_`.
    ///
    /// - Parameters:
    ///   - arguments: the program, looked up in PATH, and its arguments.
    ///   - extra: further variables, which replace those of the lab.
    ///   - directory: where it starts; nil for where this process is.
    ///   - output: the destination of its output.
    /// - Throws: `LabError` when the kernel refuses a process. A program that does not exist ends with status 127.
    public func start(
        _ arguments: [String], environment extra: [String: String] = [:], directory: String? = nil, output: LabProcess.Output = .captured
    ) throws -> LabProcess {
        guard !arguments.isEmpty else { throw LabError(.usage, "The arguments name no program. Name one.") }
        var variables = ProcessEnvironment.current
        variables.merge(environment) { $1 }
        variables.merge(extra) { $1 }
        let process = try LabProcess(arguments, environment: variables, in: namespace, directory: directory, output: output)
        processes.withLock { list in
            list.removeAll { !$0.isRunning }
            list.append(process)
        }
        return process
    }

    /// Runs a program in the host to its end. Cancelling ends the program.
    public func run(_ arguments: String..., environment: [String: String] = [:]) async throws -> ProcessResult {
        try await run(arguments, environment: environment)
    }

    /// Runs a program in the host to its end. Cancelling ends the program.
    public func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> ProcessResult {
        let process = try start(arguments, environment: environment)
        return await withTaskCancellationHandler {
            await process.wait()
        } onCancel: {
            process.kill()
        }
    }

    /// Ends every program that runs here and waits until the last is gone.
    func stop() async {
        let list = processes.withLock { $0 }
        for process in list { process.kill() }
        for process in list { _ = await process.wait() }
    }
}

/// The variables of this process that the lab's programs inherit.
enum ProcessEnvironment {
    static var current: [String: String] {
        var result: [String: String] = [:]
        var pointer = environ
        while let entry = pointer.pointee {
            let text = String(cString: entry)
            if let separator = text.firstIndex(of: "=") { result[String(text[..<separator])] = String(text[text.index(after: separator)...]) }
            pointer += 1
        }
        // The URL of a rendezvous server with its token, or an outer lab, is none of their business.
        return result.filter { !$0.key.hasPrefix("BODKIN_") }
    }
}
#endif
