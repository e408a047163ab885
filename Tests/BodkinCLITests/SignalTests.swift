import Testing

/// Signals as POSIX wants them: a program that was started to ignore one goes on ignoring it.
@Suite("A signal", .serialized)
struct SignalTests {
    private static let nowhere = "bodkin://127.0.0.1:9/?key=" + String(repeating: "A", count: 43)
    static let signals = ["INT": 130, "TERM": 143, "HUP": 129]

    /// Starts a command with SIGINT as at a terminal, which background jobs of a script ignore, and waits for a line in its log: `listen` for its peer, `waiter`
    /// for a server that is not there, `dialer` for a peer that is not there.
    private static let prelude = """
        serve
        usual() { exec env --default-signal=INT '\(Script.program)' "$@" </dev/null 2>log; }
        listen() { usual listen --exec cat --state-dir listener & await '^listening' log; }
        waiter() { usual listen --state-dir s --rendezvous \(nowhere) & await 'Waiting for it' log; }
        dialer() { usual connect $(bodkin id --state-dir nobody) --state-dir s & await 'Waiting for it' log; }

        """

    @Test("ends a command with 128 and its number", arguments: ["listen", "waiter", "dialer"], ["INT", "TERM", "HUP"])
    func ends(_ command: String, _ signal: String) async throws {
        let output = try await Script.run("\(Self.prelude)\(command); kill -\(signal) $!; wait $!; echo $?")
        #expect(output == "\(try #require(Self.signals[signal]))\n")
    }

    @Test("that was ignored at the start stays ignored, in the command and in its programs", arguments: ["INT", "TERM", "HUP"])
    func ignored(_ signal: String) async throws {
        let other = signal == "TERM" ? "HUP" : "TERM"
        let output = try await Script.run(
            """
            \(Self.prelude)id=$(bodkin id --state-dir listener)
            start() { (trap '' \(signal); exec '\(Script.program)' "$@") & }
            start listen --exec 'kill -\(signal) $$; cat' --state-dir listener </dev/null 2>log; listener=$!; await '^listening' log
            kill -\(signal) $listener; echo hello | bodkin connect $id --state-dir dialer 2>/dev/null
            kill -\(other) $listener; ended
            start connect $id --timeout 1 --state-dir dialer </dev/null 2>connect.log; await 'Waiting for it' connect.log; kill -\(signal) $!; wait $!; echo $?
            start server --host 127.0.0.1 --port 0 --stun-port 0 --state-dir other >url2 2>/dev/null; await bodkin:// url2; kill -\(signal) $!
            BODKIN_RENDEZVOUS=$(head -1 url2) bodkin check --state-dir s --json | grep -o '"reachable": true'; kill -KILL $!; wait $! 2>/dev/null
            """)
        #expect(output == "hello\nlistener \(signal == "TERM" ? 129 : 143)\n68\n\"reachable\": true\n", "\(output)")
    }
}
