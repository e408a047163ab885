import BodkinNATLab
import Testing

extension LabTests {
    /// coturn's own tools against coturn: what UDP discovery can tell apart.
    @Suite("NAT discovery by coturn (RFC 5780)")
    struct STUNTests {
        private func withServer(_ preset: NATPreset, _ program: String...) async throws -> ProcessResult {
            try await withLab(Laboratory.pair(preset, .open, delay: .milliseconds(2))) { lab in
                let addresses = try lab.host("server").specification.addresses.map { "\($0)" }
                let server = try lab.host("server").start(
                    [
                        "turnserver", "-n", "-L", addresses[0], "-L", addresses[1], "--no-auth", "--no-tls", "--no-dtls", "--no-cli", "--log-file",
                        "stdout",
                    ]
                        + ["--pidfile", "/dev/null", "--userdb", "/tmp/none"])
                try await lab.waitForPort(3478, on: "server")
                let client = try lab.host("a").start(program + [addresses[0]])
                let result = await client.wait()
                server.kill()
                return result
            }
        }

        @Test(
            "turnutils_natdiscovery names the mapping and the filtering of the preset",
            arguments: [
                (NATPreset.open, "No NAT", "Endpoint Independent Filtering"),
                (.fullCone, "Endpoint Independent Mapping", "Endpoint Independent Filtering"),
                (.restricted, "Endpoint Independent Mapping", "Address Dependent Filtering"),
                (.portRestricted, "Endpoint Independent Mapping", "Address and Port Dependent Filtering"),
                (.randomCone, "Endpoint Independent Mapping", "Address and Port Dependent Filtering"),
                (.symmetricRandom, "Address and Port Dependent Mapping", "Address and Port Dependent Filtering"),
                (.symmetricSequential, "Address and Port Dependent Mapping", "Address and Port Dependent Filtering"),
                (.cgn, "Endpoint Independent Mapping", "Address and Port Dependent Filtering"),
            ])
        func discovery(_ expected: (preset: NATPreset, mapping: String, filtering: String)) async throws {
            let result = try await withServer(expected.preset, "sh", "-c", "exec turnutils_natdiscovery -m -f -L $BODKIN_LAB_ADDRESS $0")
            #expect(result.output.contains(expected.mapping), "\(result.output)\(result.error)")
            #expect(result.output.contains(expected.filtering), "\(result.output)\(result.error)")
        }

        @Test("turnutils_stunclient sees the NAT's outside address")
        func address() async throws {
            let outside = try #require(Laboratory.pair(.cgn, .open).outsideAddress(of: "a"))
            let result = try await withServer(.cgn, "timeout", "2", "stdbuf", "-oL", "turnutils_stunclient")
            #expect(result.output.contains("UDP reflexive addr: \(outside)"), "\(result.output)")
        }

        @Test("nothing comes back where UDP is blocked")
        func blocked() async throws {
            let result = try await withServer(.udpBlocked, "timeout", "2", "stdbuf", "-oL", "turnutils_stunclient")
            #expect(!result.output.contains("reflexive"), "\(result.output)")
        }
    }
}
