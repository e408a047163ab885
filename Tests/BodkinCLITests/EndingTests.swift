import FoundationEssentials
import Testing

/// docs/events.md says what ends each command: every line of its table is brought about here, and no other.
@Suite("The end of a command", .serialized)
struct EndingTests {
    /// `try` runs the command to its end; `usual` starts it with signals as at a terminal and waits until it is at work; `start` starts a listener whose output goes
    /// to a file; `proxy` starts a SOCKS proxy and `portal` a web server at another port; `finish` waits for a process, or takes =STATUS, and shows the status and the errors of a log.
    private static let prelude = #"""
        serve; port=${BODKIN_RENDEZVOUS#*127.0.0.1:}; port=${port%%/*}; other=$((30000 + RANDOM % 10000)); log=log
        finish() {
            case $1 in =*) status=${1#=} ;; *) wait $1; status=$? ;; esac; log=${2-$log}
            echo "status $status"; grep "^bodkin $command: " $log || { [ $status = 64 ] && sed 's/^/usage: /' $log; }
        }
        try() {
            local state="--state-dir s"; case "$*" in *--state-dir*) state= ;; esac
            bodkin "$@" $state </dev/null >output 2>log; finish =$?
        }
        usual() {
            local state="--state-dir s" ready='^listening'; case $1 in connect) state="--state-dir dialer" ready='^connected' ;; server) ready= ;; esac
            env --default-signal=INT '\#(Script.program)' "$@" $state <&0 >output 2>log & [ -n "$ready" ] && await "$ready" log || await bodkin:// output
        }
        start() {
            '\#(Script.program)' listen --once --state-dir listener </dev/null >$1 2>log & listener=$!
            await '^listening' log; id=$('\#(Script.program)' id --state-dir listener)
        }
        proxy() {
            microsocks -i 127.0.0.1 -p $other "$@" >/dev/null 2>&1 &
            for i in $(seq 200); do (exec {fd}<>/dev/tcp/127.0.0.1/$other) 2>/dev/null && return; sleep 0.05; done
        }
        portal() {
            openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=portal -days 1 -keyout portal.key -out portal.pem 2>/dev/null
            openssl s_server -quiet -accept $other -cert portal.pem -key portal.key >/dev/null 2>&1 &
        }

        """#

    @Test("is as docs/events.md says", arguments: Ending.all)
    func ends(_ ending: Ending) async throws {
        let log = ending.script.contains("listening --once") && ending.script.contains("finish $listener") ? "log=listen.log\n" : ""
        let output = try await Script.run("command=\(ending.command)\n\(Self.prelude)\(log)\(ending.script)")
        let lines = output.split(separator: "\n").map { String($0) }
        #expect(lines.contains("status \(ending.status)"), "\(output)")
        let errors = lines.filter { $0.hasPrefix("bodkin \(ending.command): ") || $0.hasPrefix("usage: ") }
        #expect(ending.phrase.map { phrase in errors.count == 1 && errors[0].contains(phrase) } ?? errors.isEmpty, "\(output)")
        #expect(lines.contains("printed") == (ending.prints.hasPrefix("the ") || ending.prints.hasPrefix("what ")), "\(output)")
    }

    @Test("has a line in docs/events.md for each line here, and none more")
    func document() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let text = String(decoding: try Data(contentsOf: root.appending(path: "docs/events.md")), as: UTF8.self)
        let commands = Set(Ending.all.map { "| `\($0.command)` | " })
        let lines = text.split(separator: "\n").map { String($0) }.filter { line in commands.contains { line.hasPrefix($0) } }
        #expect(lines == Ending.all.map(\.line))
    }
}
