import Testing

/// The README's example: what is shown there is what is compiled, and it runs.
@Suite("The README's example")
struct ExampleTests {
    @Test("says hello, and is the program that the README shows")
    func hello() async throws {
        let output = try await Script.run(
            """
            serve; stdbuf -oL "$example" "$BODKIN_RENDEZVOUS" >id & hello=$!
            for i in $(seq 200); do test -s id && break; sleep 0.05; done
            for i in $(seq 100); do timeout 60 "$example" "$BODKIN_RENDEZVOUS" "$(cat id)" 2>/dev/null && break; sleep 0.1; done
            kill $hello
            """)
        #expect(output == "hello\n")
        #expect(try Script.isInREADME("Sources/BodkinHello/main.swift"))
    }
}
