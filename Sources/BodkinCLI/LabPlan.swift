#if canImport(BodkinNATLab)
import BodkinNATLab

/// The plan of a lab run: programs in hosts and faults, or the exercise with plain sockets.
struct LabPlan: Sendable {
    struct Program: Sendable {
        var host: String
        var arguments: [String]
        /// The server serves: the others decide when it is over.
        var isServer: Bool { host == "server" }
    }

    var programs: [Program] = []
    var faults: [(after: Duration, fault: Fault)] = []
    private let command: LabRunCommand

    init(_ command: LabRunCommand, _ topology: Topology) throws {
        self.command = command
        var texts = [("server", command.commandServer), ("a", command.commandA), ("b", command.commandB)].compactMap { name, text in
            text.map { (name, $0) }
        }
        for text in command.command {
            guard let separator = text.firstIndex(of: "="), topology.host(String(text[..<separator])) != nil else {
                let names = topology.hosts.map(\.name).joined(separator: ", ")
                throw LabError(.usage, "'\(text)' names no host of the lab. Write NAME=COMMAND with one of \(names).")
            }
            texts.append((String(text[..<separator]), String(text[text.index(after: separator)...])))
        }
        programs = texts.map { Program(host: $0.0, arguments: ["/bin/sh", "-c", $0.1]) }
        if !command.program.isEmpty { programs.append(Program(host: "a", arguments: command.program)) }
        programs = programs.filter(\.isServer) + programs.filter { !$0.isServer }
        if let twice = programs.first(where: { program in programs.count { $0.host == program.host } > 1 }) {
            throw LabError(.usage, "Host \(twice.host) has two programs. Start both from one command, for example with & and wait.")
        }
        for text in command.fault {
            let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
            guard parts.count == 2, let after = Duration(text: parts[0]), let fault = Fault(parts[1]) else {
                throw LabError(.usage, "'\(text)' is not a fault. Write TIME:FAULT, for example 500ms:reboot:a (see 'bodkin lab fault --help').")
            }
            try topology.validate(fault)
            faults.append((after, fault))
        }
    }

    /// Carries out the plan, and returns the report.
    func carryOut(in lab: Lab) async throws -> LabRunReport {
        var report = LabRunReport(command, seed: lab.topology.seed)
        report.hosts = lab.topology.hosts.map {
            LabRunReport.Host(
                name: $0.name, address: "\($0.addresses[0])", outside: lab.topology.outsideAddress(of: $0.name).map { "\($0)" } ?? "", status: nil)
        }
        let outcome = try await withThrowingTaskGroup(of: Outcome?.self) { group in
            for (after, fault) in faults {
                group.addTask {
                    try await Task.sleep(for: after)
                    try await lab.apply(fault)
                    return nil
                }
            }
            group.addTask {
                programs.isEmpty
                    ? .exercised(try await PlainExercise.run(in: lab, patience: command.lab.links.patience)) : .ran(try await runPrograms(in: lab))
            }
            while let result = try await group.next() {
                guard let result else { continue }
                group.cancelAll()  // faults that were still to come
                return result
            }
            throw LabError(.ended, "The lab ended before its programs. Run it again.")
        }
        switch outcome {
        case .exercised(let exercise):
            report.exercise = exercise
            report.status = exercise.isConnected ? 0 : 1
        case .ran(let statuses):
            for index in report.hosts.indices { report.hosts[index].status = statuses.first { $0.host == report.hosts[index].name }?.status }
            // What a server that the lab ended says of that is no failure.
            report.status = statuses.reversed().first { $0.status != 0 && !$0.wasEnded }?.status ?? 0
        }
        report.counters = LabRunReport.Counters(try await lab.counters())
        let events = try await lab.takeEvents()
        report.timeline = programs.isEmpty || command.timeline ? Timeline.lines(events, since: lab.startTime) : []
        return report
    }

    private struct Running: Sendable {
        var program: Program
        var process: LabProcess
    }

    private struct Ending: Sendable {
        var host: String
        var status: Int32
        /// Whether it was the lab that ended it, because the others were done.
        var wasEnded: Bool
    }

    private enum Outcome: Sendable {
        case exercised(PlainExercise)
        case ran([Ending])
    }

    private func runPrograms(in lab: Lab) async throws -> [Ending] {
        let isQuiet = command.json
        let isAlone = programs.count == 1 && !isQuiet
        var running: [Running] = []
        for program in programs {
            let output: LabProcess.Output =
                isAlone ? .inherited : .lines { line in isQuiet ? printError("\(program.host) | \(line)") : print("\(program.host) | \(line)") }
            running.append(Running(program: program, process: try lab.host(program.host).start(program.arguments, output: output)))
        }
        let started = running
        let (hasTimedOut, late) = try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask {
                let clients = started.filter { !$0.program.isServer }
                for client in clients.isEmpty ? started : clients { _ = await client.process.wait() }
                return false
            }
            if let timeout = command.timeout?.duration {
                group.addTask {
                    try await Task.sleep(for: timeout)
                    return true
                }
            }
            return try await withTaskCancellationHandler {
                let hasTimedOut = try await group.next() ?? false
                let late = started.map(\.process.isRunning)
                for entry in started { entry.process.terminate() }
                group.cancelAll()
                return (hasTimedOut, late)
            } onCancel: {
                for entry in started { entry.process.terminate() }
            }
        }
        var endings: [Ending] = []
        for (entry, isLate) in zip(started, late) {
            let status = await entry.process.wait().status
            endings.append(Ending(host: entry.program.host, status: hasTimedOut && isLate ? 124 : status, wasEnded: isLate && !hasTimedOut))
        }
        return endings
    }
}
#endif
