import BodkinNATLab
import FoundationEssentials
import Testing

extension LabTests {
    /// What tshark reads from the lab's captures.
    @Suite("Captures, read by tshark")
    struct CaptureTests {
        /// Runs `body` with the path of a capture that is removed afterwards.
        private func withCapture(_ topology: Topology, _ body: (Lab) async throws -> Void, read: (String) async throws -> Void) async throws {
            let path = FileManager.default.temporaryDirectory.appending(path: "bodkin-\(UUID().uuidString).pcap").path()
            defer { try? FileManager.default.removeItem(atPath: path) }
            var options = Lab.Options()
            options.capture = path
            try await withLab(topology, options: options, body)
            try await read(path)
        }

        private func tshark(_ path: String, _ filter: String, _ fields: [String] = ["frame.number"]) async throws -> [String] {
            let checks = ["ip.check_checksum", "tcp.check_checksum", "udp.check_checksum"].flatMap { ["-o", "\($0):TRUE"] }
            let result = try await Host.run(["tshark", "-r", path, "-Y", filter, "-T", "fields"] + fields.flatMap { ["-e", $0] } + checks)
            try #require(result.status == 0, "tshark: \(result.error)")
            return result.output.split(separator: "\n").map(String.init)
        }

        @Test(
            "an unsolicited SYN meets silence, RST or ICMP as the preset says",
            arguments: [(NATPreset.portRestricted, 0, 0), (.portRestrictedRST, 1, 0), (.portRestrictedICMP, 0, 1)], Topology.Implementation.allCases)
        func refusals(_ expected: (preset: NATPreset, resets: Int, errors: Int), _ implementation: Topology.Implementation) async throws {
            let topology = Laboratory.pair(expected.preset, .open, implementation: implementation)
            try await withCapture(topology) { lab in
                let outside = try #require(topology.outsideAddress(of: "a"))
                _ = try await lab.host("b").run("nc", "-z", "-w1", "\(outside)", "7777")
            } read: { path async throws in
                let requests = try await tshark(path, "tcp.dstport == 7777 && tcp.flags.syn == 1 && !icmp").count
                #expect(requests >= 1)
                #expect(try await tshark(path, "tcp.srcport == 7777 && tcp.flags.reset == 1").count == expected.resets * requests)
                #expect(try await tshark(path, "icmp.type == 3 && tcp.dstport == 7777").count == expected.errors * requests)
                #expect(try await tshark(path, "tcp.srcport == 7777 && tcp.flags.syn == 1").count == 0)
            }
        }

        @Test("no packet of any kind of traffic has a bad checksum", arguments: [NATPreset.cgn, .symmetricRandom, .portRestrictedICMP])
        func checksums(_ preset: NATPreset) async throws {
            var topology = Laboratory.pair(preset, .portRestrictedRST, delay: .milliseconds(4))
            try topology.changeBox("a:timestamps=stripped")
            try topology.changeLink("b:down,mtu=1300")
            try await withCapture(topology) { lab in
                _ = try await PlainExercise.run(in: lab, patience: .milliseconds(100))
                let server = "\(try lab.host("server").address)"
                let listener = try lab.host("server").start(["nc", "-l", "9000"])
                // TCP data, UDP whole and in fragments, pings of every size, an ICMP error about UDP, a traceroute's time exceeded.
                let script = """
                    ping -c2 -i0.2 -s 3000 \(server); ping -c1 -t2 -W1 \(server); ping -6 -c1 $BODKIN_LAB_SERVER_6
                    for size in 1 1473 5000; do head -c $size /dev/zero >/dev/udp/\(server)/9; done
                    head -c 300000 /dev/zero | nc -N -w2 \(server) 9000
                    """
                _ = try await lab.host("a").run("bash", "-c", script)
                _ = await listener.wait()
            } read: { path async throws in
                #expect(try await tshark(path, "tcp").count > 200)
                #expect(try await tshark(path, "icmp.type == 8").count >= 2)
                #expect(try await tshark(path, "icmp.type == 3").count >= 1)
                #expect(try await tshark(path, "ip.flags.mf == 1").count >= 2)
                let bad = "ip.checksum.status == 0 || tcp.checksum.status == 0 || udp.checksum.status == 0 || icmp.checksum.status == 0"
                #expect(try await tshark(path, bad, ["frame.number", "_ws.col.Info"]) == [])
            }
        }
    }
}
