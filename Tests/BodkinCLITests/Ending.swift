import Testing

/// What ends a command, with which status, and what it prints then: the table of docs/events.md, and a script that brings each line about.
struct Ending: Sendable, CustomTestStringConvertible {
    let command: String
    let cause: String
    let status: Int
    /// "nothing", or words with what the last line holds in backquotes.
    let prints: String
    let script: String

    init(_ command: String, _ cause: String, _ status: Int, _ prints: String, _ script: String) {
        (self.command, self.cause, self.status, self.prints, self.script) = (command, cause, status, prints, script)
    }

    var testDescription: String { line }
    /// The line of the document.
    var line: String { "| `\(command)` | \(cause) | \(status) | \(prints) |" }
    /// What the error says; nil where there is none.
    var phrase: String? { prints.split(separator: "`", omittingEmptySubsequences: false).dropFirst().first.map { String($0) } }

    static let all = listen + connect + server + check + id

    private static let listen = [
        Ending(
            "listen", "with `--once` its connection has ended", 0, "nothing",
            #"listening --once; echo hello | bodkin connect $id --state-dir dialer 2>/dev/null; finish $listener"#),
        Ending(
            "listen", "SIGINT", 130, "nothing",
            #"usual listen; kill -INT $!; finish $!"#),
        Ending(
            "listen", "SIGTERM", 143, "nothing",
            #"usual listen; kill -TERM $!; finish $!"#),
        Ending(
            "listen", "SIGHUP", 129, "nothing",
            #"usual listen; kill -HUP $!; finish $!"#),
        Ending(
            "listen", "with `--once` the remote peer is interrupted before the end of its data", 75, "`was interrupted before the end of its data`",
            #"mkfifo tty; sleep 60 >tty & listening --once; usual connect $id <tty; kill -INT $!; wait $!; finish $listener"#),
        Ending(
            "listen", "with `--once` standard output cannot be written", 74, "`Standard input or output failed`",
            #"start /dev/full; echo hello | bodkin connect $id --state-dir dialer 2>/dev/null; finish $listener"#),
        Ending(
            "listen", "nobody reads standard output", 141, "nothing",
            #"""
            mkfifo reader; head -c 1 <reader >/dev/null & start reader
            head -c 3000000 /dev/zero | bodkin connect $id --state-dir dialer 2>/dev/null; finish $listener
            """#),
        Ending(
            "listen", "the server has another key than the URL", 76, "`is not the rendezvous server that the URL names`",
            #"try listen --rendezvous "$(sed s/key=...../key=AAAAA/ url)""#),
        Ending(
            "listen", "the server refuses the join token", 77, "`The join token is missing or wrong`",
            #"try listen --rendezvous "$(sed s/token=...../token=AAAAA/ url)""#),
        Ending(
            "listen", "the proxy refuses the login, or requires one", 77, "`Put them into its URL`",
            #"proxy -u u -P p; try listen --proxy socks5h://127.0.0.1:$other"#),
        Ending(
            "listen", "the URL is unusable", 65, "`Copy the whole URL`",
            #"try listen --rendezvous """#),
        Ending(
            "listen", "another program has the reserved port", 73, "`--reserved-port`",
            #"try listen --reserved-port $port"#),
        Ending(
            "listen", "the state directory cannot be written", 73, "`--state-dir`",
            #"try listen --state-dir /proc/none"#),
        Ending(
            "listen", "an option is wrong", 64, "`Give one of them`",
            #"try listen --direct-only --relay-only"#),
    ]

    private static let connect = [
        Ending(
            "connect", "each side has read everything", 0, "nothing",
            #"listening --once; usual connect $id; finish $!"#),
        Ending(
            "connect", "SIGINT", 130, "nothing",
            #"mkfifo tty; sleep 60 >tty & listening --once; usual connect $id <tty; kill -INT $!; finish $!"#),
        Ending(
            "connect", "SIGTERM", 143, "nothing",
            #"mkfifo tty; sleep 60 >tty & listening --once; usual connect $id <tty; kill -TERM $!; finish $!"#),
        Ending(
            "connect", "SIGHUP", 129, "nothing",
            #"mkfifo tty; sleep 60 >tty & listening --once; usual connect $id <tty; kill -HUP $!; finish $!"#),
        Ending(
            "connect", "the peer is not registered, or does not allow the dial, until the end of `--timeout`", 68, "`Check that it listens`",
            #"try connect $(bodkin id --state-dir other) --timeout 1"#),
        Ending(
            "connect", "the server is unreachable until the end of `--timeout`", 69, "`cannot be reached`",
            #"kill $server; wait $server; try connect $(bodkin id --state-dir other) --timeout 1"#),
        Ending(
            "connect", "no path to the peer is established", 69, "`Allow circuits`",
            #"listening --once --relay-only; try connect $id --direct-only --timeout 8"#),
        Ending(
            "connect", "the remote peer is interrupted before the end of its data", 75, "`was interrupted before the end of its data`",
            #"""
            mkfifo tty; sleep 60 >tty & usual listen --once <tty; listener=$!; id=$(bodkin id --state-dir s)
            (await ^connected log; kill -INT $listener) & bodkin connect $id --state-dir dialer </dev/null 2>dialer.log
            finish =$? dialer.log
            """#),
        Ending(
            "connect", "the remote peer has not read everything", 75, "`before it had read everything`",
            #"start /dev/full; echo hello | bodkin connect $id --state-dir dialer 2>dialer.log; finish =$? dialer.log"#),
        Ending(
            "connect", "nobody reads standard output", 141, "nothing",
            #"""
            head -c 3000000 /dev/zero >up; usual listen --once <up; id=$(bodkin id --state-dir s)
            bodkin connect $id --state-dir dialer </dev/null 2>dialer.log | head -c 1 >/dev/null
            finish =${PIPESTATUS[0]} dialer.log
            """#),
        Ending(
            "connect", "the server has another key than the URL", 76, "`is not the rendezvous server that the URL names`",
            #"try connect $(bodkin id --state-dir other) --rendezvous "$(sed s/key=...../key=AAAAA/ url)""#),
        Ending(
            "connect", "something else answers in the server's place until the end of `--timeout`", 76, "`captive portal`",
            #"portal; try connect $(bodkin id --state-dir other) --timeout 2 --rendezvous "$(sed s/:$port/:$other/ url)""#),
        Ending(
            "connect", "the server refuses the join token", 77, "`The join token is missing or wrong`",
            #"try connect $(bodkin id --state-dir other) --rendezvous "$(sed s/token=...../token=AAAAA/ url)""#),
        Ending(
            "connect", "the proxy refuses the login, or requires one", 77, "`Put them into its URL`",
            #"proxy -u u -P p; try connect $(bodkin id --state-dir other) --proxy socks5h://127.0.0.1:$other"#),
        Ending(
            "connect", "the URL is unusable", 65, "`Copy the whole URL`",
            #"try connect $(bodkin id --state-dir other) --rendezvous """#),
        Ending(
            "connect", "the peer ID has a typo", 65, "`typo`",
            #"id=$(bodkin id --state-dir other); try connect $(case $id in x*) echo y${id#?};; *) echo x${id#?};; esac)"#),
        Ending(
            "connect", "the peer ID is the local peer's own", 64, "`ID of the local peer`",
            #"try connect $(bodkin id --state-dir s)"#),
        Ending(
            "connect", "another program has the reserved port", 73, "`--reserved-port`",
            #"try connect $(bodkin id --state-dir other) --reserved-port $port"#),
        Ending(
            "connect", "the state directory cannot be written", 73, "`--state-dir`",
            #"try connect $(bodkin id --state-dir other) --state-dir /proc/none"#),
        Ending(
            "connect", "an option is wrong", 64, "`--timeout`",
            #"try connect $(bodkin id --state-dir other) --timeout 0"#),
    ]

    private static let server = [
        Ending(
            "server", "SIGINT", 0, "nothing",
            #"usual server --host 127.0.0.1 --port 0 --stun-port 0; kill -INT $!; finish $!"#),
        Ending(
            "server", "SIGTERM", 0, "nothing",
            #"usual server --host 127.0.0.1 --port 0 --stun-port 0; kill -TERM $!; finish $!"#),
        Ending(
            "server", "another program has a port", 73, "`another program uses it`",
            #"try server --host 127.0.0.1 --port $port --stun-port 0"#),
        Ending(
            "server", "its certificate or key is unusable", 65, "`PEM`",
            #"try server --certificate /none --key /none --port 0 --stun-port 0"#),
        Ending(
            "server", "others can read a secret", 77, "`chmod 600`",
            #"""
            kill $server; wait $server; chmod 644 server/server.token
            try server --host 127.0.0.1 --port 0 --stun-port 0 --state-dir server
            """#),
        Ending(
            "server", "the state directory cannot be written", 73, "`--state-dir`",
            #"try server --host 127.0.0.1 --port 0 --stun-port 0 --state-dir /proc/none"#),
        Ending(
            "server", "with `--check`: every service answers", 0, "the findings, on standard output",
            #"""
            set -- server --host 127.0.0.1 --port $other --stun-port $((other + 1)); usual "$@"; BODKIN_RENDEZVOUS=$(cat output)
            try server --check; [ $(grep -c answers output) = 5 ] && echo printed
            """#),
        Ending(
            "server", "with `--check`: a service does not answer", 69, "the findings, and `The lines above say what to do`",
            #"kill $server; wait $server; try server --check; grep -q '^rendezvous at' output && echo printed"#),
        Ending(
            "server", "an option is wrong", 64, "`belong together`",
            #"try server --certificate x"#),
    ]

    private static let check = [
        Ending(
            "check", "the check is done", 0, "the report, on standard output",
            #"try check; grep -q "^Rendezvous server: registered" output && echo printed"#),
        Ending(
            "check", "the server cannot be used", 69, "what was found, and `cannot be reached`",
            #"kill $server; wait $server; try check; grep -q "^Rendezvous server: not" output && echo printed"#),
        Ending(
            "check", "the URL is unusable", 65, "`Copy the whole URL`",
            #"try check --rendezvous """#),
        Ending(
            "check", "the state directory cannot be written", 73, "`--state-dir`",
            #"try check --state-dir /proc/none"#),
        Ending(
            "check", "an option is wrong", 64, "`--nothing`",
            #"try check --nothing"#),
    ]

    private static let id = [
        Ending(
            "id", "it has printed the peer ID", 0, "the peer ID, on standard output",
            #"try id; test $(wc -c <output) = 57 && echo printed"#),
        Ending(
            "id", "the identity is unreadable", 65, "`is not an Ed25519 key`",
            #"bodkin id --state-dir s; echo nonsense >s/identity.pem; try id"#),
        Ending(
            "id", "others can read the identity", 77, "`chmod 600`",
            #"bodkin id --state-dir s; chmod 644 s/identity.pem; try id"#),
        Ending(
            "id", "the state directory cannot be written", 73, "`--state-dir`",
            #"try id --state-dir /proc/none"#),
        Ending(
            "id", "an option is wrong", 64, "`--nothing`",
            #"try id --nothing"#),
    ]
}
