import Testing

/// The programs in Examples/, as processes with a server on loopback.
@Suite("The programs in Examples/")
struct ExampleProgramTests {
    /// `started NAME ARGUMENTS` runs an example until the end of the test, and waits for an ID in its output `NAME.out`, which becomes `id`.
    private static let prelude = """
        serve; chmod 700 .
        example() { local name=$1; shift; timeout 60 "${example%-hello}-$name" "$@"; }
        started() {
            local name=$1; shift; rm -f $name.out
            stdbuf -oL "${example%-hello}-$name" "$@" >$name.out 2>$name.err <${input:-/dev/null} & last=$!
            await '[a-z2-7]\\{56\\}' $name.out; id=$(grep -o '[a-z2-7]\\{56\\}' $name.out | head -1)
        }

        """

    private static func run(_ script: String) async throws -> String { try await Script.run(prelude + script) }

    @Test("each is short enough to read at once", arguments: ["Chat/Chat", "Drop/main", "Echo/Echo"])
    func length(_ file: String) throws {
        #expect((20...60).contains(try Script.text(of: "Examples/\(file).swift").split(separator: "\n", omittingEmptySubsequences: false).count - 1))
    }

    @Test("two people chat: the lines of each arrive at the other, and the chat ends with the end of both inputs")
    func chat() async throws {
        let output = try await Self.run(
            """
            printf 'hello\\nhow are you?\\n' >there; input=there started chat "$BODKIN_RENDEZVOUS"
            printf 'grüß dich\\n' | example chat "$BODKIN_RENDEZVOUS" $id; echo "caller $?"
            wait $last; echo "called $?"; tail -n +2 chat.out
            """)
        #expect(output == "hello\nhow are you?\ncaller 0\ncalled 0\ngrüß dich\n", "\(output)")
    }

    @Test("a file drop keeps files of any size under their names, overwrites none, and has the same ID when it starts again")
    func drop() async throws {
        let output = try await Self.run(
            """
            mkdir -m 700 kept; : >empty; head -c 3000000 /dev/urandom >large
            started drop receive "$BODKIN_RENDEZVOUS" kept; first=$id
            for file in empty large; do example drop send "$BODKIN_RENDEZVOUS" $id $file; cmp $file kept/$file || echo differs; done
            echo other >here; mkdir again; echo more >again/large
            example drop send "$BODKIN_RENDEZVOUS" $id again/large 2>/dev/null || echo refused; cmp large kept/large
            kill $last; wait $last; started drop receive "$BODKIN_RENDEZVOUS" kept; test $id = $first && echo same
            """)
        #expect(output == "empty has arrived\nlarge has arrived\nrefused\nsame\n", "\(output)")
    }

    @Test("a name that leaves the directory of the file drop is refused", arguments: ["../out", ".profile", "a/b", ""])
    func name(_ name: String) async throws {
        let output = try await Self.run(
            """
            mkdir -m 700 kept; started drop receive "$BODKIN_RENDEZVOUS" kept
            printf '%s' '\(name)' | bodkin connect $id --state-dir dialer >/dev/null 2>&1; test $? -ne 0 && echo refused
            ls kept; ls out kept/.profile 2>/dev/null
            """)
        #expect(output == "refused\n", "\(output)")
    }

    @Test("the echo service sends everything back to any peer, and SIGTERM ends it with status 0")
    func echo() async throws {
        let output = try await Self.run(
            """
            started echo "$BODKIN_RENDEZVOUS" state; head -c 200000 /dev/urandom >sent
            for n in 1 2; do bodkin connect $id --state-dir dialer$n <sent >received$n 2>/dev/null & all="${all:-} $!"; done; wait $all
            cmp sent received1; cmp sent received2; kill -TERM $last; wait $last; echo "service $?"; grep -c '^served' echo.out
            """)
        #expect(output == "service 0\n2\n", "\(output)")
    }
}
