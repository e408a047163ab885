import Testing

/// What people mistype, and what they forget.
@Suite("bad input")
struct BadInputTests {
    @Test(
        "gets one line that says what to do, and its status",
        arguments: [
            ("connect $wrong", 65, "typo"),
            ("connect $(bodkin id --state-dir s)", 64, "ID of the local peer"),
            ("connect $id --rendezvous nonsense", 65, "does not begin with bodkin://"), ("connect $id --rendezvous ''", 65, "Copy the whole URL"),
            ("connect $id --rendezvous ${BODKIN_RENDEZVOUS/key=???????/key=AAAAAAA}", 76, "not the rendezvous server"),
            ("connect $id --rendezvous ${BODKIN_RENDEZVOUS/&token=*/}", 77, "token"),
            ("connect $id --rendezvous bodkin://127.0.0.1:$port/", 76, "key="),
            ("connect $id --rendezvous bodkin://127.0.0.1:9/", 76, "key="), ("connect $id --timeout 0", 64, "--timeout"),
            ("listen --reserved-port $port", 73, "--reserved-port"), ("listen --direct-only --relay-only", 64, "Give one of them"),
            ("listen --allow nobody", 65, "56 characters"), ("check --rendezvous bodkin://127.0.0.1:9/?key=$key", 69, "cannot be reached"),
            ("server --host 127.0.0.1 --port $port --stun-port 0", 73, "another program uses it"), ("server --certificate x", 64, "belong together"),
            ("server --host 127.0.0.1 --port 0 --stun-port $port", 73, "--stun-port"),
            ("server --host 127.0.0.1 --port 0 --stun-port 0 --health 0.0.0.0:$port", 73, "--health"),
            ("server --host 127.0.0.1 --bind nowhere", 64, "is not an address"),
            ("server --certificate /none --key /none --port 0 --stun-port 0", 65, "PEM"),
            ("server --host 127.0.0.1 --state-dir /proc/none", 73, "--state-dir"),
        ])
    func oneLine(_ command: String, _ status: Int, _ hint: String) async throws {
        let state = command.contains("--state-dir /") ? "" : "--state-dir s"
        let output = try await Script.run(
            """
            key=\(String(repeating: "A", count: 43)); serve; id=$(bodkin id --state-dir other); port=${BODKIN_RENDEZVOUS#*127.0.0.1:}; port=${port%%/*}
            case $id in x*) wrong=y${id#?} ;; *) wrong=x${id#?} ;; esac
            bodkin \(command) \(state) </dev/null 2>error >/dev/null; echo $?; grep -v 'can read the join token' error
            """)
        let lines = output.split(separator: "\n")
        #expect(lines.first == "\(status)", "\(output)")
        #expect(lines.count == 2 && lines.last?.contains(hint) == true, "\(output)")
    }

    @Test("a dial to a peer that is away says that it waits, and at its timeout why it gives up")
    func away() async throws {
        let output = try await Script.run(
            """
            serve; id=$(bodkin id --state-dir other)
            bodkin connect $id --timeout 2 --state-dir s </dev/null 2>error; echo $?; cat error
            """)
        let lines = output.split(separator: "\n")
        #expect(lines.count == 3 && lines[0] == "68", "\(output)")
        #expect(lines.dropFirst().first?.hasSuffix("is not registered, or does not allow this dial. Waiting for it.") == true, "\(output)")
        #expect(lines.last?.contains("Check that it listens") == true, "\(output)")
    }

    @Test(
        "without a home directory there is one line that asks for --state-dir, and as an event where events are told",
        arguments: ["id", "listen", "connect $id", "check", "server --host 127.0.0.1", "listen --events json"])
    func homeless(_ command: String) async throws {
        let output = try await Script.run(
            """
            serve; id=$(bodkin id --state-dir other)
            env -u HOME -u XDG_STATE_HOME timeout 60 '\(Script.program)' \(command) </dev/null 2>error >/dev/null; echo $?; cat error
            """)
        let lines = output.split(separator: "\n")
        #expect(lines.count == 2 && lines[0] == "64" && lines[1].contains("--state-dir"), "\(output)")
        let name = command.prefix { $0 != " " }
        let opening = command.hasSuffix("json") ? #"{"event": "error", "ms": "# : "bodkin \(name): "
        #expect(lines.last?.hasPrefix(opening) == true, "\(output)")
    }

    @Test("without a server's URL the command says where to get one; others' secrets are not used")
    func missing() async throws {
        let output = try await Script.run(
            """
            bodkin listen --state-dir s; echo $?; serve; kill $server; wait $server; chmod 644 server/server.token
            bodkin server --host 127.0.0.1 --port 0 --stun-port 0 --state-dir server; echo $?; stat -c %a server/server.pem
            """)
        let lines = output.split(separator: "\n")
        #expect(lines.count == 5 && lines[0].contains("BODKIN_RENDEZVOUS") && lines[2].contains("chmod 600"), "\(output)")
        #expect([lines[1], lines[3], lines[4]] == ["64", "77", "600"], "\(output)")
    }

    @Test("the URL stays the same over restarts, and check says what there is, as JSON too")
    func restart() async throws {
        let output = try await Script.run(
            """
            serve; first=${BODKIN_RENDEZVOUS#*key=}; kill -TERM $server; wait $server; echo $?; rm url
            serve; second=${BODKIN_RENDEZVOUS#*key=}; test "${first%%&stun*}" = "${second%%&stun*}" && echo same
            bodkin check --state-dir s --json | grep -o '"reachable": true'; bodkin check --state-dir s | grep -c '^TCP mapping over .*: no NAT'
            """)
        #expect(output == "0\nsame\n\"reachable\": true\n1\n", "\(output)")
    }
}
