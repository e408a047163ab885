import Testing

/// Which proxy a command uses, on loopback: microsocks says whom it has led where.
@Suite("The proxy of a command", .serialized, .enabled("microsocks is not installed: make test installs it") { await Script.has("microsocks") })
struct ProxyOptionTests {
    private static let prelude = """
        serve; port=${BODKIN_RENDEZVOUS#*127.0.0.1:}; port=${port%%/*}
        # It ends where another program has the port, whose answer would pass for its own.
        for try in $(seq 20); do
            other=$((20000 + RANDOM % 10000)); microsocks -i 127.0.0.1 -p $other -u user -P hunter2 >proxy.log 2>&1 & proxy=$!
            sleep 0.2; kill -0 $proxy 2>/dev/null && break
        done
        url=socks5h://user:hunter2@127.0.0.1:$other
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

    @Test("a proxy that never answers, and one whose answer has no end, are named, and cost little memory", arguments: ["silent", "endless"])
    func hostile(_ kind: String) async throws {
        let output = try await Script.run(
            """
            cat >proxy.py <<'END'
            import socket, sys, threading
            server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
            def flood(client):
                try:
                    client.sendall(b"HTTP/1.1 200 OK\\r\\n")
                    while True: client.sendall(b"X-Header: " + b"y" * 60000 + b"\\r\\n")
                except OSError: pass
            clients = []
            while True:
                clients.append(server.accept()[0])
                if sys.argv[2] == "endless": threading.Thread(target=flood, args=(clients[-1],), daemon=True).start()
            END
            other=$((20000 + RANDOM % 10000)); python3 proxy.py $other \(kind) & 
            for i in $(seq 200); do (exec {fd}<>/dev/tcp/127.0.0.1/$other) 2>/dev/null && break; sleep 0.05; done
            serve; id=$(bodkin id --state-dir other)
            '\(Script.program)' connect $id --state-dir dialer --timeout 3 --proxy http://127.0.0.1:$other </dev/null 2>log & dialer=$!
            sleep 2.5; awk '/VmHWM/ { print ($2 < 200000) }' /proc/$dialer/status; wait $dialer; echo $?
            tail -1 log | grep -c "proxy http://127.0.0.1:$other\\|127.0.0.1:$other is no proxy"
            """)
        #expect(output == "1\n69\n1\n", "\(output)")
    }
}
