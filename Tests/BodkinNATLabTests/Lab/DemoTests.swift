import BodkinNATLab
import Testing

extension LabTests {
    /// `bodkin demo`, as its users start it.
    @Suite("bodkin demo")
    struct DemoTests {
        private static let demo = "\(CommandTests.path) demo --file 1 --delay 5ms"

        @Test(
            "two peers meet, talk and pass a file on, directly where their NATs allow it and by circuit elsewhere",
            arguments: [
                ("port-restricted", ["The connection is direct", "SYN has crossed"]), ("rst-kills", ["The connection is direct", "SYN has crossed"]),
                ("symmetric-random --b symmetric-random", ["The connection is relayed"]),
            ])
        func connects(_ nat: String, _ outcome: [String]) async throws {
            let result = try await Host.run(["sh", "-c", "\(Self.demo) --a \(nat)"])
            #expect(result.status == 0, "\(result)")
            for words in ["b> hello a", "The file of 1 MiB arrived"] + outcome { #expect(result.output.contains(words), "\(result.output)") }
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
