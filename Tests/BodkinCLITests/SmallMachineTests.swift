import Testing

/// Machines where something is missing: room on the disk, a home directory, descriptors.
@Suite("A small machine", .serialized)
struct SmallMachineTests {
    /// A full disk, as far as one process sees it: it can write no byte to a file.
    private static let full = "trap '' XFSZ; ulimit -f 0"

    @Test("a full disk is one line with what to do, and leaves no half file: afterwards everything works", arguments: ["server", "listen", "id"])
    func fullDisk(_ command: String) async throws {
        let options =
            command == "server"
            ? "--host 127.0.0.1 --port 0 --stun-port 0"
            : command == "listen" ? "--rendezvous bodkin://127.0.0.1:9/?key=\(String(repeating: "A", count: 43))" : ""
        let output = try await Script.run(
            """
            said=$( (\(Self.full); exec timeout 20 '\(Script.program)' \(command) \(options) --state-dir state 2>&1 >/dev/null </dev/null) ); echo $?
            echo "$said" | wc -l; echo "$said" | grep -c 'Free some space'; ls state | wc -l
            bodkin id --state-dir state | wc -c
            """)
        #expect(output == "73\n1\n1\n0\n57\n", "\(output)")
    }

    @Test("thirty descriptors at both ends are enough for a pipe")
    func thirty() async throws {
        let output = try await Script.run(
            """
            serve; head -c 3000000 /dev/urandom >up; id=$(bodkin id --state-dir listener)
            (ulimit -n 30; exec '\(Script.program)' listen --once --state-dir listener </dev/null >output 2>listen.log) & listener=$!
            await ^listening listen.log; (ulimit -n 30; exec timeout 60 '\(Script.program)' connect $id --state-dir dialer <up 2>connect.log); echo "dialer $?"
            ended; cmp up output && echo same
            """)
        #expect(output == "dialer 0\nlistener 0\nsame\n", "\(output)")
    }

    @Test("a listener with --exec and a hundred descriptors serves as many as it can, tells the others why at once, and serves again afterwards")
    func hundred() async throws {
        let output = try await Script.run(
            """
            serve; id=$(bodkin id --state-dir listener)
            (ulimit -n 100; exec '\(Script.program)' listen --exec cat --events json --state-dir listener </dev/null 2>listen.log) & listener=$!
            await '"listening"' listen.log
            for i in $(seq 30); do
                (echo hi; until [ -e enough ]; do sleep 0.1; done) | (timeout 90 '\(Script.program)' connect $id --no-network-probe --state-dir d$i >out.$i 2>err.$i; echo $? >status.$i) &
                pids="${pids-} $!"
            done
            ready() { for i in $(seq 30); do [ -s out.$i ] || [ -s status.$i ] || return 1; done; }
            # The last eight are free, but for what one turn looks at, four connections and the two ends of a pipe: without one, the system's own
            # thread library would end the process.
            for try in $(seq 600); do
                ready && break; [ $(ls /proc/$listener/fd | wc -l) -le 98 ] || echo too many; sleep 0.1
            done; touch enough; wait $pids
            served=$(cat out.* | wc -l); told=$(cat err.* | grep -c 'no room for another connection'); refused=$(cat status.* | grep -c 75)
            [ $served -ge 6 ] && echo some; [ $((served + told)) = 30 ] && [ $refused = $told ] && echo all || echo "$served served, $told told, $(cat status.* | sort | uniq -c)"
            grep -q 'no descriptor left.*ulimit' listen.log && echo said
            echo again | bodkin connect $id --state-dir dialer 2>/dev/null; kill -TERM $listener; ended
            """)
        #expect(output == "some\nall\nsaid\nagain\nlistener 143\n", "\(output)")
    }

    @Test("a token file that was never written to its end is named", arguments: ["", "AAAA"])
    func brokenToken(_ text: String) async throws {
        let output = try await Script.run(
            """
            mkdir -m 700 state; printf '\(text)' >state/server.token; chmod 600 state/server.token
            bodkin server --host 127.0.0.1 --port 0 --stun-port 0 --state-dir state 2>&1; echo $?
            """)
        #expect(output.hasSuffix("\n65\n") && output.contains("server.token holds no join token"), "\(output)")
    }

    @Test("a directory with blanks and umlauts is one as any other")
    func names() async throws {
        let output = try await Script.run(
            """
            mkdir 'a b'; cd 'a b'; serve; listening --once --state-dir 'zwei Wörter/ß'; id=$(bodkin id --state-dir 'zwei Wörter/ß')
            echo hello | BODKIN_STATE='noch ein Ort' bodkin connect $id 2>/dev/null; echo $?; ended; cat output; ls 'zwei Wörter/ß' 'noch ein Ort'
            """)
        #expect(output.hasPrefix("0\nlistener 0\nhello\n"), "\(output)")
        #expect(output.hasSuffix("noch ein Ort:\nidentity.pem\n\nzwei Wörter/ß:\nidentity.pem\n"), "\(output)")
    }

    @Test("no home directory, and one that cannot be written, are one line with what to do")
    func home() async throws {
        let output = try await Script.run(
            """
            unset HOME XDG_STATE_HOME BODKIN_STATE; bodkin id 2>error; echo $?; wc -l <error; grep -c -- '--state-dir' error
            HOME=/proc bodkin id 2>error; echo $?; wc -l <error; grep -c -- '--state-dir' error
            """)
        #expect(output == "64\n1\n1\n73\n1\n1\n", "\(output)")
    }
}
