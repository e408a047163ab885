import BodkinNATLab
import FoundationEssentials
import Testing

extension LabTests {
    /// The command itself, as a process.
    @Suite("bodkin lab")
    struct CommandTests {
        /// The command beside the test bundle.
        static let path: String = {
            let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
            return URL(filePath: bundle).deletingLastPathComponent().appending(path: "bodkin").path()
        }()

        private func lab(_ arguments: String...) async throws -> ProcessResult { try await Host.run([Self.path, "lab"] + arguments) }

        @Test("without a program it shows what passed and what was refused, and exits 0 when the hosts met")
        func exercise() async throws {
            let result = try await lab("run", "--a", "port-restricted", "--b", "port-restricted-rst", "--seed", "1")
            #expect(result.status == 0, "\(result.error)")
            #expect(result.output.contains("nat-b   refuses"))
            #expect(result.output.contains("answers RST"))
            #expect(result.output.contains("simultaneous open: a connected"))
            #expect(try await lab("run", "--a", "symmetric-random", "--b", "symmetric-random").status == 1)
        }

        @Test("programs find each other by their environment, their status comes back, and JSON reports it")
        func programs() async throws {
            let result = try await lab(
                "run", "--a", "masquerade", "--b", "cgn", "--delay", "2ms", "--json", "--host", "a2@a", "--command-server",
                "nc -l $BODKIN_LAB_ADDRESS 9000; nc -l $BODKIN_LAB_ADDRESS 9001", "--command-a",
                "until echo hello from $BODKIN_LAB_A_OUTSIDE | nc -N -w1 $BODKIN_LAB_SERVER 9000; do sleep 0.05; done", "--command-b", "exit 7",
                "--command", "a2=until echo hello too | nc -N -w1 $BODKIN_LAB_SERVER 9001; do sleep 0.05; done")
            #expect(result.status == 7, "\(result.error)")
            #expect(result.error.contains("server | hello from 203.0.113."))
            #expect(result.error.contains("server | hello too"))
            struct Report: Decodable {
                struct Host: Decodable {
                    var name: String
                    var status: Int?
                }
                var hosts: [Host]
                var status: Int
            }
            let report = try JSONDecoder().decode(Report.self, from: Data(result.output.utf8))
            #expect(report.hosts.map(\.name) == ["server", "a", "b", "a2"])
            #expect(report.hosts.map(\.status) == [0, 0, 7, 0])
            #expect(report.status == 7)
        }

        @Test(
            "bad input gets one line and status 64",
            arguments: [
                ["run", "--a", "nonsense", "--b", "open"], ["run", "--a", "cgn", "--b", "open", "--kernel"], ["run", "--a", "open"],
                ["run", "--a", "open", "--b", "open", "--delay", "-3ms"], ["run", "--a", "open", "--b", "open", "--loss", "200%"],
                ["run", "--a", "open", "--b", "open", "--link", "q,delay=1ms"], ["run", "--a", "open", "--b", "open", "--set", "a:hairpin=yes"],
                ["run", "--a", "open", "--b", "open", "--fault", "1s:explode:a"], ["run", "--a", "open", "--b", "open", "--mtu", "10"],
                ["run", "--a", "open", "--b", "open", "--host", "a=open"], ["run", "--a", "open", "--b", "open", "--pcap", "/nowhere/x"],
                ["matrix", "--presets", "open,nonsense"], ["matrix", "--repeat", "0"], ["fault", "1", "reboot:a"], ["enter", "1", "a"], ["nonsense"],
                ["run", "--a", "open", "--b", "open", "--host", "host=open"], ["run", "--a", "open", "--b", "open", "--host", "b2@b"],
                ["run", "--a", "masquerade", "--b", "open", "--kernel", "--set", "a:noise=3"], ["matrix", "--presets", ","],
                ["run", "--a", "open", "--b", "open", "--fault", "9s:reboot:zzz"], ["matrix", "--presets", "open", "--json", "/nowhere/x"],
                ["run", "--a", "cgn", "--b", "open", "--fault", "1s:address:a:127.0.0.1"],
                ["run", "--a", "open", "--b", "open", "--pcap", "/dev/stdout"], ["run", "--a", "open", "--b", "open", "--interface", "c=open"],
                ["run", "--a", "open", "--b", "open", "--interface", "a@b"], ["run", "--a", "open", "--b", "open", "--interface", "a"],
                ["run", "--a", "open", "--b", "open", "--link", "a,broken=4"], ["run", "--a", "symmetric/", "--b", "open"],
                ["run", "--a", "symmetric/dependent", "--b", "open", "--kernel"], ["matrix", "--presets", "open,cgn/equal"],
            ])
        func badInput(_ arguments: [String]) async throws {
            let result = try await Host.run([Self.path, "lab"] + arguments)
            #expect(result.status == 64, "\(result)")
            #expect(result.error.split(separator: "\n").count == 1, "\(result.error)")
            #expect(result.output.isEmpty)
        }

        @Test("NATs by type and delta stand wherever a NAT is named; help and errors list both halves")
        func configurations() async throws {
            let result = try await lab(
                "run", "--a", "full-cone/dependent", "--b", "udp-firewall/equal", "--delay", "2ms", "--host", "c=symmetric/random", "--interface",
                "a=restricted/preserving", "--command", "c=echo c is seen as $BODKIN_LAB_C_OUTSIDE")
            #expect(result.status == 0 && result.output.contains("c is seen as 203.0.113."), "\(result)")
            #expect(try await lab("run", "--a", "port-restricted/equal", "--b", "restricted/equal", "--delay", "2ms").status == 0)
            let matrix = try await lab("matrix", "--presets", "open/equal,symmetric/independent", "--delay", "2ms")
            let lines = matrix.output.split(separator: "\n")
            #expect(lines.count == 3 && lines.allSatisfy { $0.contains("estimate: ") }, "\(matrix)")
            #expect(lines.last?.contains("estimate: likely, 100.0 % a round: 16 SYNs at the predicted port") == true, "\(matrix)")
            let types = "open, udp-firewall, full-cone, restricted, port-restricted, symmetric or blocked"
            let deltas = "equal, preserving, independent, dependent or random"
            let refused = try await lab("shell", "--a", "symmetric/any", "--b", "open").error
            #expect(refused.contains(types) && refused.contains(deltas) && refused.contains("only-443"), "\(refused)")
            for command in ["run", "shell", "matrix"] {
                let help = try await lab(command, "--help").output.split { $0.isWhitespace }.joined(separator: " ")
                #expect(help.contains(types) && help.contains(deltas), "\(help)")
            }
            let list = try await lab("presets").output
            for word in ["udp-firewall", "preserving", "symmetric/random"] { #expect(list.contains(word)) }
        }

        @Test("a small MTU leaves IPv6 out, and a host of a running lab knows where it is when it is entered")
        func environment() async throws {
            let script = """
                \(Self.path) lab run --a port-restricted --b open --mtu 1000 --command-a 'sleep 30' >/dev/null 2>&1 & lab=$!
                until \(Self.path) lab list | grep -q "^$lab "; do sleep 0.02; done
                \(Self.path) lab enter $lab b -- sh -c 'ping -c1 $BODKIN_LAB_SERVER >/dev/null && echo $BODKIN_LAB_A_OUTSIDE'
                kill $lab; wait $lab
                """
            let result = try await Host.run(["bash", "-c", script])
            #expect(result.output == "203.0.113.11\n", "\(result)")
        }

        @Test(
            "whoever has taken the name of a lab, of another process or another user, is neither listed nor entered",
            arguments: ["", "setpriv --reuid=65534 --regid=65534 --clear-groups"])
        func pretender(_ prefix: String) async throws {
            let script = """
                cd /tmp; sleep 30 & name=$!; umask 0
                \(prefix) socat ABSTRACT-LISTEN:bodkin-lab/$name,fork SYSTEM:'read line; echo ok; echo LD_PRELOAD=/tmp/x; echo SHELL=/bin/true' & liar=$!
                until grep -q "@bodkin-lab/$name" /proc/net/unix; do sleep 0.02; done
                \(Self.path) lab list | grep -c "^$name "; \(Self.path) lab enter $name b 2>&1; echo $?; kill $name $liar; wait
                """
            let result = try await Host.run(["bash", "-c", script])
            #expect(result.output.hasPrefix("0\n") && result.output.contains("belongs to another user or another process"), "\(result)")
            #expect(result.output.hasSuffix("\n77\n"), "\(result)")
        }

        @Test("a host may have a further interface behind a NAT of its own or on a neighbour's LAN, and a family may break")
        func interfaces() async throws {
            let result = try await lab(
                "run", "--a", "masquerade", "--b", "port-restricted", "--delay", "2ms", "--interface", "a=cgn", "--interface", "a@b",
                "--link", "a.eth2,broken=ipv6", "--command-a",
                "for i in 0 1 2; do for v in 4 6; do ping -n -$v -c1 -W1 -I eth$i $(test $v = 4 && echo $BODKIN_LAB_SERVER || "
                    + "echo $BODKIN_LAB_SERVER_6) >/dev/null; echo eth$i $v $?; done; done")
            let lines = (0...2).flatMap { number in [4, 6].map { "eth\(number) \($0) \(number == 2 && $0 == 6 ? 1 : 0)\n" } }
            #expect(result.output.contains(lines.joined()), "\(result)")
        }

        @Test("without rights, or without TUN, it says in one line what is missing, with status 77")
        func noRights() async throws {
            let run = "\(Self.path) lab run --a open --b open"
            let noTUN = try await Host.run([
                "unshare", "-m", "sh", "-c", "mount -t tmpfs none /dev/net; \(run)",
            ])
            #expect(noTUN.status == 77, "\(noTUN)")
            #expect(noTUN.error.contains("/dev/net/tun"))
            let noNamespaces = try await Host.run(["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin", "sh", "-c", run])
            #expect(noNamespaces.status == 77, "\(noNamespaces)")
            #expect(noNamespaces.error.split(separator: "\n").count == 1)
        }

        @Test(
            "an unprivileged user with user namespaces and access to TUN runs a lab, with emulated and with kernel NATs", arguments: ["", "--kernel"])
        func unprivileged(_ option: String) async throws {
            let script = """
                mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 10 200 &&
                exec setpriv --reuid=65534 --regid=65534 --clear-groups \(Self.path) lab run --a port-restricted --b port-restricted \(option)
                """
            let result = try await Host.run(["unshare", "-m", "sh", "-c", script])
            #expect(result.status == 0, "\(result)")
        }
    }
}
