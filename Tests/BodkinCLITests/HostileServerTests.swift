import Testing

/// What may answer in the place of a rendezvous server.
@Suite("no rendezvous server")
struct HostileServerTests {
    /// What is there, and what is said of it.
    struct Place: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// Starts it, and sets `url`.
        let script: String
        /// The status of `connect`.
        let status: Int
        /// What to do, or what has happened where that says it.
        let hint: String
    }

    static let places: [Place] = [
        Place(testDescription: "who accepts and says nothing", script: "answering -d", status: 69, hint: "Check the network and the URL"),
        Place(testDescription: "who closes at once", script: "answering -N", status: 69, hint: "closed the connection"),
        Place(
            testDescription: "an HTTP server", script: "printf 'HTTP/1.1 400 Bad Request\\r\\nconnection: close\\r\\n\\r\\n' >text; answering -N",
            status: 76, hint: "not the rendezvous server"),
        Place(
            testDescription: "an SSH server", script: "printf 'SSH-2.0-OpenSSH_9.2p1\\r\\n' >text; answering", status: 76,
            hint: "not the rendezvous server"),
        Place(
            testDescription: "a TLS server that speaks another protocol, with the right key",
            script: """
                openssl req -x509 -newkey ed25519 -nodes -keyout key.pem -out cert.pem -subj /CN=x -days 2 2>/dev/null
                key=$(openssl pkey -in key.pem -pubout -outform DER | openssl dgst -sha256 -binary | base64 | tr '+/' '-_' | tr -d '=')
                openssl s_server -www -tls1_3 -accept 127.0.0.1:0 -cert cert.pem -key key.pem </dev/null >tls.log 2>&1 &
                await ACCEPT tls.log; place $(grep ACCEPT tls.log | grep -o '[0-9]*$')
                """,
            status: 76, hint: "Check the port in the URL"),
        Place(
            testDescription: "a name that is not there", script: "url=bodkin://nowhere.invalid/", status: 69, hint: "Check the name and the network"),
    ]

    /// `place` sets `url` to a port of 127.0.0.1; `answering` has netcat listen there and say what is in `text`. Nothing is at the STUN port.
    private static let prelude = """
        export RES_OPTIONS='timeout:1 attempts:1'
        key=\(String(repeating: "A", count: 43)); id=$(bodkin id --state-dir other); touch text
        place() { url="bodkin://127.0.0.1:$1/?key=$key&stun=9"; }
        answering() { nc -lvn "$@" 127.0.0.1 0 <text >heard 2>nc.log & await Listening nc.log; place $(grep -om1 '[0-9]*$' nc.log); }

        """

    @Test("gets one line that says what to do, and its status", arguments: places, ["connect $id", "check"])
    func oneLine(_ place: Place, _ command: String) async throws {
        let output = try await Script.run(
            """
            \(Self.prelude)\(place.script)
            bodkin \(command) --rendezvous "$url" --state-dir s </dev/null 2>error >/dev/null; echo $?; cat error
            """)
        // A check says of every server that cannot be used that it is unavailable.
        let status = command == "check" ? 69 : place.status
        let lines = output.split(separator: "\n")
        #expect(lines.first == "\(status)", "\(output)")
        #expect(lines.count == 2 && lines.last?.contains(place.hint) == true, "\(output)")
        #expect(lines.last?.hasPrefix("bodkin \(command == "check" ? "check" : "connect"): ") == true, "\(output)")
    }
}
