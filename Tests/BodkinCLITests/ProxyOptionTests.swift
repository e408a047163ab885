import Testing

/// Which proxy a command uses, on loopback: microsocks says whom it has led where.
@Suite("The proxy of a command", .serialized, .enabled("microsocks is not installed: make test installs it") { await Script.has("microsocks") })
struct ProxyOptionTests {
    private static let prelude = """
        serve; port=${BODKIN_RENDEZVOUS#*127.0.0.1:}; port=${port%%/*}; other=$((20000 + RANDOM % 10000))
        microsocks -i 127.0.0.1 -p $other -u user -P hunter2 >proxy.log 2>&1 & url=socks5h://user:hunter2@127.0.0.1:$other
        for i in $(seq 200); do (exec {fd}<>/dev/tcp/127.0.0.1/$other) 2>/dev/null && break; sleep 0.05; done
        listening --once; used() { grep -c "connected to 127.0.0.1:$port" proxy.log; }

        """

    @Test(
        "is the option's, or the environment's, unless the server is excluded",
        arguments: [
            ("--proxy $url", "", 1), ("", "https_proxy=$url", 1), ("", "ALL_PROXY=$url", 1), ("--proxy none", "https_proxy=$url", 0),
            ("", "https_proxy=$url no_proxy=127.0.0.0/8", 0), ("--proxy $url", "no_proxy=*", 1),
        ])
    func chosen(_ option: String, _ variables: String, _ count: Int) async throws {
        let output = try await Script.run(
            Self.prelude
                + "echo hello | env \(variables) '\(Script.program)' connect $id --state-dir dialer \(option) 2>connect.log; echo $?; used; ended; cat output"
        )
        #expect(output == "0\n\(count)\nlistener 0\nhello\n", "\(output)")
    }

    @Test("a password is in no message, and warned of in the command line")
    func secrecy() async throws {
        let output = try await Script.run(
            Self.prelude + """
                echo hello | bodkin connect $id --state-dir dialer --proxy $url --verbose 2>log; echo $?; grep -c 'the password in the command line' log
                bodkin connect $id --state-dir dialer --proxy "https://user:hunter2@127.0.0.1" 2>>log; echo $?
                bodkin connect $id --state-dir dialer --proxy "socks5h://user:hunter2%@127.0.0.1" 2>>log; echo $?
                bodkin connect $id --state-dir dialer --proxy "http://user:hunter2@127.0.0.1:$other" --timeout 2 --events json 2>>log; echo $?
                cat log listen.log | grep -c hunter2
                """)
        #expect(output == "0\n1\n65\n65\n69\n0\n", "\(output)")
    }
}
