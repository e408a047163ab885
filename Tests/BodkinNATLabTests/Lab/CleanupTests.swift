import BodkinNATLab
import Testing

extension LabTests {
    /// Nothing is left of a lab, however it ended.
    @Suite("What is left of a lab")
    struct CleanupTests {
        /// How a lab may end.
        enum Ending: String, CaseIterable, Sendable { case success, failure, interruption, kill }

        @Test("no process, no namespace and no interface remains after success, failure, Ctrl-C and kill -9", arguments: Ending.allCases)
        func nothingIsLeft(_ ending: Ending) async throws {
            // A process that outlives its parent's shell, found again by the odd number.
            let mark = "98765.\(UInt32.random(in: 0..<1_000_000))"
            let status = ending == .success ? "exit 0" : ending == .failure ? "exit 3" : "sleep \(mark)"
            let command = "(setsid sleep \(mark) >/dev/null 2>&1 &); \(status)"
            let script = """
                namespaces() { readlink /proc/[0-9]*/ns/net | sort -u | wc -l; }
                before=$(namespaces)
                \(CommandTests.path) lab run --a cgn --b open --command-a '\(command)' >/dev/null 2>&1 &
                lab=$!
                case \(ending.rawValue) in
                interruption|kill)
                    until [ $(pgrep -fxc 'sleep \(mark)') -ge 2 ]; do sleep 0.02; done
                    [ \(ending.rawValue) = kill ] && kill -9 $lab || kill -INT $lab ;;
                esac
                wait $lab 2>/dev/null
                echo status $?
                for i in $(seq 200); do pgrep -fx 'sleep \(mark)' >/dev/null || break; sleep 0.02; done
                pgrep -fx 'sleep \(mark)' && echo left
                [ "$before" = "$(namespaces)" ] || echo namespaces
                grep @bodkin-lab/$lab /proc/net/unix
                true
                """
            let result = try await Host.run(["bash", "-c", script])
            let expected = [Ending.success: 0, .failure: 3, .interruption: 130, .kill: 137][ending] ?? -1
            #expect(result.output == "status \(expected)\n", "\(result)")
        }

        @Test("labs in one process and in several run side by side without seeing each other")
        func sideBySide() async throws {
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        try await withLab(Laboratory.pair(.portRestricted, .masquerade, delay: .milliseconds(60))) {
                            try await PlainExercise.run(in: $0, patience: .seconds(1)).isConnected
                        }
                    }
                    group.addTask {
                        try await Host.run([CommandTests.path, "lab", "run", "--a", "port-restricted", "--b", "masquerade", "--delay", "60ms"]).status
                            == 0
                    }
                }
                for try await isConnected in group { #expect(isConnected) }
            }
        }

        @Test("a cancelled program ends at once, with all that it started")
        func cancellation() async throws {
            try await withLab(Laboratory.pair(.open, .open)) { lab in
                let host = try lab.host("a")
                let (started, signal) = AsyncStream<Void>.makeStream()
                let running = Task {
                    let process = try host.start(["sh", "-c", "echo up; sleep 600"], output: .lines { _ in signal.yield() })
                    return await withTaskCancellationHandler {
                        await process.wait().status
                    } onCancel: {
                        process.kill()
                    }
                }
                for await _ in started { break }
                running.cancel()
                #expect(try await running.value == 137)
            }
        }

        @Test(
            "Ctrl-C ends the exercise, the matrix, and programs that do not want to end",
            arguments: [
                "run --a port-restricted --b only-443 --delay 300ms", "matrix --delay 100ms",
                "run --a open --b open --command-a 'trap : TERM; while :; do sleep 0.1; done'",
                "run --a open --b open --command-server 'trap : TERM; while :; do sleep 0.1; done' --command-a 'sleep 0.3'",
            ])
        func interruption(_ arguments: String) async throws {
            let script = """
                out=$(mktemp)
                \(CommandTests.path) lab \(arguments) >$out 2>&1 & lab=$!
                until [ -s $out ] || \(CommandTests.path) lab list | grep -q "^$lab "; do sleep 0.05; done
                sleep 0.5; kill -INT $lab; wait $lab; echo $?
                rm $out
                """
            let result = try await Host.run(["bash", "-c", script])
            #expect(result.output == "130\n", "\(result)")
        }

        @Test("a program is asked to end before it is ended: at the timeout, and when the others are done")
        func termination() async throws {
            let polite = "trap 'echo goodbye; exit 3' TERM; while :; do sleep 0.05; done"
            let late = try await Host.run([
                CommandTests.path, "lab", "run", "--a", "open", "--b", "open", "--command-a", polite, "--timeout", "500ms",
            ])
            #expect(late.status == 124)
            #expect(late.output == "goodbye\n", "\(late)")
            let served = try await Host.run([
                CommandTests.path, "lab", "run", "--a", "open", "--b", "open", "--command-server", polite, "--command-a", "sleep 0.5",
            ])
            #expect(served.status == 0)
            #expect(served.output.contains("server | goodbye\n"), "\(served)")
        }

        @Test("a running lab is listed, entered and given faults from elsewhere")
        func control() async throws {
            let script = """
                \(CommandTests.path) lab run --a port-restricted --b open --command-a 'sleep 30' >/dev/null & lab=$!
                until \(CommandTests.path) lab list | grep -q "^$lab .*a 192.168"; do sleep 0.02; done
                \(CommandTests.path) lab enter $lab b -- ip -4 -br addr show eth0
                \(CommandTests.path) lab fault $lab reboot:a; echo $?
                \(CommandTests.path) lab fault $lab reboot:q; echo $?
                kill $lab; wait $lab; echo $?
                """
            let result = try await Host.run(["bash", "-c", script])
            let lines = result.output.split(separator: "\n")
            #expect(lines.count == 4, "\(result)")
            #expect(lines.first?.contains("203.0.113.") == true)
            #expect(lines.dropFirst() == ["0", "64", "143"], "\(result)")
        }
    }
}
