import FoundationEssentials
import Testing

/// The ends and the statuses of `listen` and `connect` as pipes.
@Suite("the ends of a pipe", .serialized)
struct PipeEndTests {
    /// An input that stays open, as a terminal does.
    private static let open = "mkfifo tty; sleep 60 >tty & "

    @Test("whose output is not taken to the end does not leave with status 0, and neither does the remote peer", arguments: [10, 3_000_000])
    func unread(byteCount: Int) async throws {
        let output = try await Script.run(
            """
            serve; head -c \(byteCount) /dev/urandom >up; touch input
            full() {
                '\(Script.program)' listen --state-dir listener --once <input >$1 2>listen.log & listener=$!
                await listening listen.log; id=$('\(Script.program)' id --state-dir listener)
                bodkin connect $id --state-dir dialer <up 2>connect.log; echo "dialer $?"; ended
            }
            full /dev/full; mkfifo reader; head -c 1 <reader >/dev/null & full reader
            """)
        // The few bytes are in the pipe when their reader goes.
        let second = byteCount == 10 ? "dialer 0\nlistener 0\n" : "dialer 75\nlistener 141\n"
        #expect(output == "dialer 75\nlistener 74\n" + second, "\(output)")
    }

    @Test("a reader that pauses gets everything, and both leave with status 0")
    func pause() async throws {
        let output = try await Script.run(
            """
            serve; head -c 3000000 /dev/urandom >up; mkfifo reader; (sleep 1; cat >output) <reader & cat=$!
            '\(Script.program)' listen --state-dir listener --once </dev/null >reader 2>listen.log & listener=$!
            await listening listen.log; id=$('\(Script.program)' id --state-dir listener)
            bodkin connect $id --state-dir dialer <up 2>connect.log; echo "dialer $?"; ended; wait $cat; cmp up output && echo same
            """)
        #expect(output == "dialer 0\nlistener 0\nsame\n", "\(output)")
    }

    @Test(
        "a signal ends either side with its status, and the other one at once, with another status than 0 where bytes are missing",
        arguments: ["dialer", "listener"])
    func interrupted(side: String) async throws {
        let output = try await Script.run(
            """
            serve; \(Self.open) listening --once
            '\(Script.program)' connect $id --state-dir dialer <tty >down 2>connect.log & dialer=$!
            await connected connect.log; sleep 0.2; kill -HUP $\(side); wait $dialer; echo "dialer $?"; ended; grep -c 'was interrupted before' listen.log connect.log
            """)
        let expected =
            side == "dialer" ? "dialer 129\nlistener 75\nlisten.log:1\nconnect.log:0\n" : "dialer 0\nlistener 129\nlisten.log:0\nconnect.log:0\n"
        #expect(output == expected, "\(output)")
    }

    @Test("a listener with --exec says nothing of a remote user who interrupts the command, as ssh does its ProxyCommand, and serves the next")
    func proxyCommand() async throws {
        let output = try await Script.run(
            """
            serve; \(Self.open) listening --exec cat
            '\(Script.program)' connect $id --state-dir dialer <tty >down 2>connect.log & dialer=$!
            await connected connect.log; kill -HUP $dialer; wait $dialer; echo "dialer $?"
            echo next | bodkin connect $id --state-dir dialer 2>/dev/null; grep -v '^listening\\|^any peer\\|^connected' listen.log
            """)
        #expect(output == "dialer 129\nnext\n", "\(output)")
    }

    @Test("one direction alone ends the pipe when it is through, with an input that stays open", arguments: ["--receive-only", "--send-only"])
    func oneDirection(option: String) async throws {
        let (listener, dialer) = option == "--receive-only" ? (option, "") : ("", option)
        let output = try await Script.run(
            """
            serve; \(Self.open) head -c 100000 /dev/urandom >up
            '\(Script.program)' listen --state-dir listener --once \(listener) <tty >output 2>listen.log & listener=$!
            await listening listen.log; id=$('\(Script.program)' id --state-dir listener)
            bodkin connect $id --state-dir dialer \(dialer) <up 2>connect.log; echo "dialer $?"; ended; cmp up output && echo same
            """)
        #expect(output == "dialer 0\nlistener 0\nsame\n", "\(output)")
    }

    @Test("without an option both say what they wait for, and end with it")
    func waiting() async throws {
        let output = try await Script.run(
            """
            serve; mkfifo tty; sleep 60 >tty & hold=$!; echo up >up
            '\(Script.program)' listen --state-dir listener --once --events json <tty >output 2>listen.log & listener=$!
            await '"listening"' listen.log; id=$('\(Script.program)' id --state-dir listener)
            '\(Script.program)' connect $id --state-dir dialer <up 2>connect.log & dialer=$!
            await '"event": "waiting", .*"for": "input"' listen.log; kill $hold; wait $dialer; echo "dialer $?"; ended
            """)
        #expect(output == "dialer 0\nlistener 0\n", "\(output)")
    }

    @Test("a terminal as input of a listener whose output is a file is not waited for")
    func terminal() async throws {
        let output = try await Script.run(
            """
            serve; echo hello >up; id=$('\(Script.program)' id --state-dir listener)
            script -qec "'\(Script.program)' listen --state-dir listener --once >output 2>listen.log" /dev/null </dev/null & listener=$!
            await listening listen.log; bodkin connect $id --state-dir dialer <up 2>connect.log; echo "dialer $?"; ended; cat output
            """)
        #expect(output == "dialer 0\nlistener 0\nhello\n", "\(output)")
    }

    @Test("a program that leaves another one behind with its output does not hold the connection, and its own output is all there")
    func leftBehind() async throws {
        let output = try await Script.run(
            """
            serve; \(Self.open) listening --once --exec 'sleep 30 & head -c 300000 /dev/zero'
            bodkin connect $id --state-dir dialer <tty 2>connect.log | wc -c; echo "dialer ${PIPESTATUS[0]}"; ended
            """)
        #expect(output == "300000\ndialer 0\nlistener 0\n", "\(output)")
    }

    @Test(
        "a second client of a listener that serves one is told that it waits, and is served soon after the first one has ended, or was killed",
        arguments: ["TERM", "KILL"])
    func second(_ signal: String) async throws {
        let output = try await Script.run(
            """
            serve; listening; \(Self.open)
            '\(Script.program)' connect $id --state-dir first <tty 2>first.log & first=$!; await '^connected directly' first.log
            (echo second | bodkin connect $id --state-dir second 2>second.log; echo "second $?") & second=$!
            await 'Everything is sent. Waiting' second.log; echo told
            kill -\(signal) $first; wait $first 2>/dev/null; start=$SECONDS; wait $second; [ $((SECONDS - start)) -le 15 ] && echo soon; cat output
            """)
        #expect(output == "told\nsecond 0\nsoon\nsecond\n", "\(output)")
    }
}
