import Testing

/// What an operator says to `bodkin server`, as peers and monitors find it.
@Suite("bodkin server's options", .serialized)
struct ServerOptionTests {
    @Test("--open makes a URL without a token, with which everybody connects; --health counts them")
    func openAndHealth() async throws {
        let output = try await Script.run(
            """
            serve --open --health 127.0.0.1:0 --events json; grep -c token url; echo hello >input
            listening --once; bodkin connect $id --state-dir dialer </dev/null 2>/dev/null; ended
            listening --once; health=$(grep -o '"health": "[^"]*"' server.log | grep -o '[0-9]*"$'); health=${health%?}
            # The server hears a moment later that the first listener and its dialer have gone.
            for try in $(seq 200); do
                exec 3<>/dev/tcp/127.0.0.1/$health; printf 'GET /health HTTP/1.1\\r\\nhost: x\\r\\nconnection: close\\r\\n\\r\\n' >&3; cat <&3 >page
                grep -o '"registered": 1,' page && break; sleep 0.05
            done
            """)
        #expect(output == "0\nhello\nlistener 0\n\"registered\": 1,\n", "\(output)")
    }

    @Test("SIGHUP reads the tokens and the refused peers again: what runs under a revoked token ends, and a file that is wrong changes nothing")
    func hangup() async throws {
        let output = try await Script.run(
            """
            umask 077; token() { head -c 16 /dev/urandom | base64; }
            printf 'home %s\\nwork %s\\n' "$(token)" "$(token)" >tokens; >refused
            serve --tokens tokens --refuse refused; listening; url=$BODKIN_RENDEZVOUS
            echo nonsense >tokens.bad; cp tokens tokens.good; cp tokens.bad tokens
            kill -HUP $server; await 'Nothing has changed' server.log; kill -0 $listener && echo stays
            cp tokens.good tokens; bodkin id --state-dir listener >refused
            kill -HUP $server; await 'read the tokens' server.log; wait $listener; echo "listener $?"
            kill -TERM $server; wait $server; echo "server $?"
            """)
        #expect(output == "stays\nlistener 77\nserver 0\n", "\(output)")
    }

    @Test("--turn and its secret belong together, each is checked, and SIGHUP reads the secret again")
    func relays() async throws {
        let output = try await Script.run(
            """
            umask 077; printf 'newer\nolder\n' >secret; printf '1\n2\n3\n' >many
            refuse() { bodkin server "$@" 2>&1 >/dev/null | grep -o "$expected" | head -1; }
            expected='belong together' refuse --turn turn:relay.test
            expected="'relay.test' is no relay" refuse --turn relay.test --turn-secret-file secret
            expected='There is no file gone' refuse --turn turn:relay.test --turn-secret-file gone
            expected='not one or 2 lines' refuse --turn turn:relay.test --turn-secret-file many
            serve --turn turns:relay.test:443 --turn-secret-file secret; mv many secret
            kill -HUP $server; await 'Nothing has changed' server.log; echo one >secret
            kill -HUP $server; await "relays' secret again" server.log; kill -TERM $server; wait $server; echo "server $?"
            """)
        #expect(
            output == "belong together\n'relay.test' is no relay\nThere is no file gone\nnot one or 2 lines\nserver 0\n", "\(output)")
    }

    @Test("--check says which services answer, from the server's own options or a peer's URL, and its status says whether all do")
    func check() async throws {
        let output = try await Script.run(
            """
            port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
            set -- --host 127.0.0.1 --port $(port) --stun-port $(port) --health 127.0.0.1:$(port) --metrics 127.0.0.1:$(port) --state-dir server
            unset BODKIN_RENDEZVOUS; '\(Script.program)' server "$@" >url 2>server.log & server=$!; await 'listening on' server.log
            bodkin server "$@" --check >check; echo $?; grep -c 'answers$' check; sed 's/ at .*//' check
            BODKIN_RENDEZVOUS=$(cat url) bodkin server --state-dir other --check >check; echo $?; grep -c 'answers$' check
            kill -TERM $server; wait $server
            bodkin server "$@" --check 2>message >check; echo $?; grep -c 'answers$' check; grep -o 'services do not answer from here' message
            """)
        let services =
            "rendezvous\n" + String(repeating: "STUN over TCP\n", count: 2) + String(repeating: "STUN over UDP\n", count: 2) + "health\nmetrics\n"
        #expect(output == "0\n7\n\(services)0\n5\n69\n0\nservices do not answer from here\n", "\(output)")
    }

    @Test("--events json tells events alone, the first of them that the server listens; with --verbose its log comes as events, too")
    func events() async throws {
        let output = try await Script.run(
            """
            stop() { kill -TERM $server; wait $server; echo "server $?"; grep -vc '^{"event": ".*}$' server.log; }
            serve --events json; await '"event": "listening"' server.log; stop
            head -1 server.log | grep -o '^{"event": "listening", "ms": [0-9.]*, "url": ' | cut -d: -f1-2
            grep -o 'bodkin://[^"]*' server.log | cmp - url && echo same
            rm url; serve --events json --verbose; await '"event": "listening"' server.log; stop
            grep -c '^{"event": "log", "ms": [0-9.]*, "level": "info", "message": "shutting down", "metadata": {.*"registered": "0"}}$' server.log
            """)
        #expect(output == "server 0\n0\n{\"event\": \"listening\", \"ms\"\nsame\nserver 0\n0\n1\n", "\(output)")
    }

    @Test(
        "with --certificate a public authority and the host's name decide: trusted, untrusted, and by another name",
        .enabled("needs root or an unprivileged user namespace") { try await Script.run("unshare -rm true && echo yes") == "yes\n" })
    func certificate() async throws {
        let output = try await Script.run(
            """
            for name in localhost elsewhere; do
                openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $name.key -out $name.pem -subj /CN=$name \
                    -addext subjectAltName=DNS:$name -days 2 2>/dev/null
                '\(Script.program)' server --host localhost --bind 127.0.0.1 --port 0 --stun-port 0 --state-dir server \
                    --certificate $name.pem --key $name.key >$name.url 2>server.log & await bodkin:// $name.url
            done
            cat >check <<'END'
            test $1 = untrusted || { mount -t tmpfs none /etc/ssl/certs && cat *.pem >/etc/ssl/certs/ca-certificates.crt; }
            BODKIN_RENDEZVOUS=$(head -1 $2.url) timeout 60 '\(Script.program)' check --state-dir s 2>error | grep 'server: ' | cut -d' ' -f1-3
            grep -o 'is not the rendezvous server that the URL names' error
            END
            grep -c key= localhost.url; unshare -rm bash check untrusted localhost
            unshare -rm bash check trusted localhost; unshare -rm bash check trusted elsewhere
            """)
        let refused = "Rendezvous server: not\nis not the rendezvous server that the URL names\n"
        #expect(output == "0\n\(refused)Rendezvous server: registered\n\(refused)", "\(output)")
    }

    @Test("behind a front with other ports, the URL has those, and three peers from one private address are told of once")
    func front() async throws {
        let output = try await Script.run(
            """
            serve --host 198.51.100.1 --public-port 8443 --public-stun-port 5349 --verbose; grep -c '198.51.100.1:8443/.*&stun=5349$' url
            port=$(grep -o 'listening on [0-9.]*:[0-9]*' server.log | head -1 | grep -o '[0-9]*$')
            export BODKIN_RENDEZVOUS=$(head -1 url | sed "s/:8443,198.51.100.1:8443/:$port/")
            for i in 1 2 3 4; do bodkin connect $(bodkin id --state-dir other) --state-dir d$i --timeout 1 </dev/null 2>/dev/null; done
            grep -c 'every peer connects from one private address' server.log
            """)
        #expect(output == "1\n1\n", "\(output)")
    }
}
