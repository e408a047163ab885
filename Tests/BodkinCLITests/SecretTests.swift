import Testing

@Suite("secrets of the command line")
struct SecretTests {
    @Test("a token in the command line works and is warned of once; a file of the owner's and a variable are quiet")
    func token() async throws {
        let output = try await Script.run(
            """
            serve; url=$BODKIN_RENDEZVOUS; unset BODKIN_RENDEZVOUS; echo "$url" >url.txt; chmod 600 url.txt
            try() { "$@" 2>&1 >/dev/null | grep -c 'read the join token'; }
            try bodkin check --state-dir s --rendezvous "$url"; try bodkin check --state-dir s --rendezvous-file url.txt
            export BODKIN_RENDEZVOUS="$url"; try bodkin check --state-dir s
            chmod 644 url.txt; bodkin check --state-dir s --rendezvous-file url.txt 2>&1 | grep -c 'chmod 600'
            bodkin check --state-dir s --rendezvous-file none 2>&1; echo $?
            """)
        let lines = output.split(separator: "\n")
        #expect(lines.prefix(4) == ["1", "0", "0", "1"] && lines.last == "64", "\(output)")
    }

    @Test("the former name of --state-dir goes on")
    func formerName() async throws {
        #expect(try await Script.run("[ $(bodkin id --state s) = $(bodkin id --state-dir s) ] && echo same") == "same\n")
    }

    /// Directories in which others could exchange keys, and one that is good.
    @Test(
        "a state directory that others can write to is refused, in one line",
        arguments: [("mkdir -m 777 s", 77), ("mkdir -m 720 s", 77), ("mkdir -m 1777 s", 77), ("mkdir -m 755 s", 0), ("mkdir -m 700 s", 0), (":", 0)])
    func directory(_ script: String, _ status: Int) async throws {
        let output = try await Script.run("\(script); bodkin id --state-dir s >/dev/null 2>error; echo $?; grep -c 'chmod 700' error")
        #expect(output == (status == 0 ? "0\n0\n" : "\(status)\n1\n"), "\(output)")
    }
}
