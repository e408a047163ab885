import BodkinNATLab
import Testing

extension LabTests {
    /// `bodkin demo`, as its users start it.
    @Suite("bodkin demo")
    struct DemoTests {
        private static let demo = "\(CommandTests.path) demo --file 1 --delay 5ms"
        private static let always = [
            "├─ server 198.51.100.1", "1. a dials b", "b> hello a", "3. a sends a file", "4. In the middle of the file the network of a dies",
            "The file of 1 MiB arrived", "The network of a died when", "6. The file arrives",
        ]

        @Test(
            "two peers meet, talk and pass a file on while a network dies, directly where their NATs allow it and by circuit elsewhere",
            arguments: [
                ("port-restricted", ["The connection is direct", "SYN has crossed", "5. Both look for another path"]),
                ("rst-kills", ["The connection is direct", "SYN has crossed", "5. Both look for another path"]),
                ("open", ["nothing reaches it", "The connection is direct"]),
                ("symmetric-random --b symmetric-random", ["The connection is relayed", "more SYNs)"]),
            ])
        func connects(_ nat: String, _ outcome: [String]) async throws {
            let result = try await Host.run(["sh", "-c", "\(Self.demo) --a \(nat)"], environment: ["TERM": "xterm"])
            #expect(result.status == 0, "\(result)")
            for words in Self.always + outcome { #expect(result.output.contains(words), "\(words) in \(result.output)") }
            #expect(!result.output.contains("\u{1B}"), "\(result.output)")
        }

        @Test("a terminal has colours and the progress of the file; NO_COLOR has neither", arguments: [("", true), ("NO_COLOR=1", false)])
        func terminal(_ variable: String, _ isLive: Bool) async throws {
            let command = "env -u NO_COLOR TERM=xterm \(variable) script --quiet --return --flush --command '\(Self.demo)' /dev/null"
            let result = try await Host.run(["sh", "-c", command])
            #expect(result.status == 0 && result.output.contains("The file of 1 MiB arrived"), "\(result)")
            for code in ["\u{1B}[32m", "\r\u{1B}[K", "░"] { #expect(result.output.contains(code) == isLive, "\(result.output)") }
        }

        @Test("an unprivileged user with user namespaces and access to TUN sees the same")
        func unprivileged() async throws {
            let script = """
                mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 10 200 &&
                exec setpriv --reuid=65534 --regid=65534 --clear-groups \(Self.demo)
                """
            let result = try await Host.run(["unshare", "-m", "sh", "-c", script])
            #expect(result.status == 0 && result.output.contains("The connection is direct"), "\(result)")
        }
    }
}
