import FoundationEssentials
import Testing

/// `server`, `listen` and `connect` as processes.
@Suite("bodkin listen and connect", .serialized)
struct ConversationTests {
    @Test(
        "20 MiB go both ways at once, and both ends leave with status 0 when both have ended",
        arguments: ["", "--direct-only", "--relay-only"])
    func bothWays(_ option: String) async throws {
        let output = try await Script.run(
            """
            serve; head -c 20971520 /dev/urandom >up; head -c 20971520 /dev/urandom >input
            listening --once \(option)
            bodkin connect $id --state-dir dialer \(option) <up >down 2>connect.log; echo "dialer $?"; ended
            cmp up output && cmp input down && echo same; cat connect.log
            kill -TERM $server; wait $server; echo "server $?"
            """)
        #expect(output.hasPrefix("dialer 0\nlistener 0\nsame\nconnected "), "\(output)")
        #expect(output.hasSuffix("server 0\n"), "\(output)")
        if !option.isEmpty { #expect(output.contains(option == "--relay-only" ? "connected over a circuit" : "connected directly"), "\(output)") }
    }

    @Test("the end of input half-closes: the far side's answer still comes")
    func halfClose() async throws {
        let output = try await Script.run(
            """
            serve; listening --once --exec 'cat >all; sleep 0.3; wc -c <all; echo "$BODKIN_PEER"'
            head -c 100000 /dev/zero | bodkin connect $id --state-dir dialer 2>connect.log; echo "dialer $?"; ended
            test "$(bodkin id --state-dir dialer)" = "$(bodkin id --state-dir dialer)" && echo known
            """)
        let lines = output.split(separator: "\n")
        #expect(lines.first == "100000" && lines.dropFirst(2) == ["dialer 0", "listener 0", "known"], "\(output)")
        #expect(lines.dropFirst().first?.count == 56, "\(output)")
    }

    @Test("each connection has a process of its own, and a listener without --once serves one after another")
    func several() async throws {
        let output = try await Script.run(
            """
            serve; listening --exec 'read name; sleep 0.2; echo "for $name"'
            for name in one two three; do (echo $name | bodkin connect $id --state-dir $name 2>/dev/null) & all="${all:-} $!"; done; wait $all
            kill -TERM $listener; ended
            echo plain >input; listening
            bodkin connect $id --state-dir one </dev/null 2>/dev/null; echo again | bodkin connect $id --state-dir two 2>/dev/null; cat output
            """)
        let lines = output.split(separator: "\n")
        #expect(Set(lines.prefix(3)) == ["for one", "for two", "for three"], "\(output)")
        #expect(lines.dropFirst(3) == ["listener 143", "plain", "again"], "\(output)")
    }

    @Test("a reader that has enough, and a program that ends, end both sides; who was not read to the end has another status than 0")
    func brokenPipe() async throws {
        let output = try await Script.run(
            """
            serve; listening --once --exec 'yes'
            bodkin connect $id --state-dir dialer </dev/null 2>connect.log | head -1; echo "dialer ${PIPESTATUS[0]}"; ended; grep -v ^connected connect.log
            listening --once --exec 'head -c 2'
            yes | bodkin connect $id --state-dir dialer 2>connect.log; echo "dialer ${PIPESTATUS[1]}"; ended; grep -c 'before it had read everything' connect.log
            """)
        #expect(output == "y\ndialer 141\nlistener 75\ny\ndialer 75\nlistener 0\n1\n", "\(output)")
    }

    @Test("whose program ends has told the far side so, however much was under way: no path is called lost")
    func farewell() async throws {
        let output = try await Script.run(
            """
            serve
            for n in $(seq 12); do
                listening --once --exec 'yes'
                bodkin connect $id --state-dir dialer --events json </dev/null 2>>connect.log | head -1 >>lines; wait $listener
            done
            wc -l <lines; grep -c '"event": "closed"' connect.log; grep path-lost connect.log
            """)
        #expect(output == "12\n12\n", "\(output)")
    }

    @Test("--allow lets only the named peers in, and events tell everything, one object per line")
    func eventsAndAllow() async throws {
        let output = try await Script.run(
            """
            serve; listening --once --events json --allow $(bodkin id --state-dir friend)
            bodkin connect $id --timeout 2 --state-dir stranger --events json </dev/null 2>stranger.log; echo "stranger $?"
            bodkin connect $id --state-dir friend --events json </dev/null 2>friend.log; echo "friend $?"; ended
            tail -1 stranger.log | grep -o '"event": "error".*"status": 68'
            for event in dialing registered attempt path-established connected report closed; do grep -q "^{\\"event\\": \\"$event\\", \\"ms\\": [0-9.]*, .*}$" friend.log || echo no $event; done
            grep -vc '^{"event": ".*}$' friend.log listen.log
            """)
        #expect(output.hasPrefix("stranger 68\nfriend 0\nlistener 0\n"), "\(output)")
        #expect(output.contains("\"status\": 68") && !output.contains("no "), "\(output)")
        #expect(output.hasSuffix("friend.log:0\nlisten.log:0\n"), "\(output)")
    }

    @Test(
        "a listener's events come in order, those of a dial by its own time, and one report before the end",
        arguments: ["", "--direct-only", "--relay-only"])
    func listenerEvents(_ option: String) async throws {
        let output = try await Script.run(
            """
            serve; listening --once --events json \(option); sleep 1
            bodkin connect $id --state-dir dialer \(option) </dev/null 2>/dev/null; ended; cat listen.log
            """)
        let lines = output.split(separator: "\n")
        #expect(lines.first == "listener 0", "\(output)")
        struct Event: Decodable {
            var event: String
            var ms: Double
        }
        let decoder = JSONDecoder()
        let events = try lines.dropFirst().map { try decoder.decode(Event.self, from: Data($0.utf8)) }
        let names = events.map(\.event)
        let places = ["registered", "listening", "path-established", "connected", "closed"].compactMap { names.firstIndex(of: $0) }
        try #require(places.count == 5 && places == places.sorted(), "\(output)")
        let (path, connected, closed) = (places[2], places[3], places[4])
        let reports = names.indices.filter { names[$0] == "report" }
        let report = try #require(reports.first, "\(output)")
        #expect(reports.count == 1 && path < report && report < closed, "\(output)")
        // Each of them counts from the Meet, which came more than a second after the start.
        #expect(events[path].ms <= events[connected].ms, "\(output)")
        #expect(events[report].ms < events[closed].ms + 1000, "\(output)")
    }

    @Test("state and server come from the environment; --verbose tells every step, and the reserved port is the one that was asked for")
    func environment() async throws {
        let output = try await Script.run(
            """
            serve; export BODKIN_STATE="$work/kept"; echo hello >input
            while port=$((20000 + RANDOM % 10000)); (exec 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null; do :; done
            '\(Script.program)' listen --once --verbose --reserved-port $port <input >output 2>listen.log & listener=$!
            await "registered, server-reflexive 127.0.0.1:$port" listen.log; await "^listening as $(bodkin id)" listen.log; ls kept
            BODKIN_STATE="$work/dialer" bodkin connect $(bodkin id) --verbose </dev/null 2>connect.log; ended
            for step in 'ms: registered' 'ms: dialing' '(circuit|direct path).* established$' 'ms: connected to' '^connected ' '^  '; do
                grep -Eq "$step" connect.log || { echo "no $step in:"; cat connect.log; }
            done
            """)
        #expect(output == "identity.pem\nhello\nlistener 0\n", "\(output)")
    }
}
