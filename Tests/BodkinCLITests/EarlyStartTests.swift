import Testing

/// Commands that are started before their server.
@Suite("A command that is started too early", .serialized)
struct EarlyStartTests {
    /// A server that has run, and is gone: `url` is its URL, and `again` starts it once more.
    private static let prelude = """
        port=$((20000 + RANDOM % 10000))
        again() { '\(Script.program)' server --host 127.0.0.1 --bind 127.0.0.1 --port $port --stun-port $((port + 1)) --state-dir server >url 2>>server.log & server=$!; await bodkin:// url; }
        again; kill $server; wait $server; export BODKIN_RENDEZVOUS=$(head -1 url)

        """

    @Test("listen and connect wait for a server that comes later, say so once, and connect", arguments: ["", "--relay-only", "--direct-only"])
    func server(_ option: String) async throws {
        let output = try await Script.run(
            """
            \(Self.prelude)id=$(bodkin id --state-dir listener)
            '\(Script.program)' listen --once \(option) --state-dir listener </dev/null >output 2>listen.log & listener=$!
            (echo hello | bodkin connect $id \(option) --state-dir dialer 2>connect.log; echo "dialer $?") & dialer=$!
            await 'Waiting for it' listen.log; await 'Waiting for it' connect.log; again
            wait $dialer; ended; cat output; grep -c 'Waiting for it' listen.log connect.log; kill $server
            """)
        #expect(output.hasPrefix("dialer 0\nlistener 0\nhello\n"), "\(output)")
        // The dial may have come before the listener, and has waited for that as well.
        #expect(output.contains("listen.log:1\nconnect.log:"), "\(output)")
    }

    @Test("connect ends when its time is up, with the reason; a listener goes on, and a signal ends it with its status")
    func patience() async throws {
        let output = try await Script.run(
            """
            \(Self.prelude)id=$(bodkin id --state-dir listener)
            '\(Script.program)' listen --events json --state-dir listener </dev/null 2>listen.log & listener=$!
            bodkin connect $id --timeout 1 --state-dir dialer </dev/null 2>connect.log; echo "dialer $?"; tail -1 connect.log
            await '"for": "server"' listen.log; kill -TERM $listener; ended; grep -o '"event": "[a-z-]*"' listen.log
            """)
        let lines = output.split(separator: "\n")
        #expect(lines.first == "dialer 69" && lines.dropFirst().first?.contains("cannot be reached") == true, "\(output)")
        #expect(lines.dropFirst(2) == ["listener 143", "\"event\": \"waiting\""], "\(output)")
    }

    @Test("another server's key, and a token that is refused, end it at once, with their statuses")
    func hopeless() async throws {
        let output = try await Script.run(
            """
            \(Self.prelude)again; id=$(bodkin id --state-dir listener)
            for command in 'listen' "connect $id"; do
                BODKIN_RENDEZVOUS=$(head -1 url | sed 's/key=...../key=AAAAA/') bodkin $command --state-dir s </dev/null 2>log >/dev/null; echo $?; wc -l <log
                BODKIN_RENDEZVOUS=$(head -1 url | sed 's/token=...../token=AAAAA/') bodkin $command --state-dir s </dev/null 2>log >/dev/null; echo $?; wc -l <log
            done; kill $server
            """)
        #expect(output == "76\n1\n77\n1\n76\n1\n77\n1\n", "\(output)")
    }
}
