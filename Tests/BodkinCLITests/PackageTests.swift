import Testing

#if os(Linux)
import Glibc

@testable import BodkinCLI

private enum Packaging {
    /// Whether this user can install packages, in a root of the test's own, and has the programs that make them.
    static var isPossible: Bool {
        get async { geteuid() == 0 ? await Script.has("dpkg-deb", "dpkg-shlibdeps", "strip") : false }
    }

    /// Whether this user can start a systemd in namespaces.
    static var runsUnits: Bool {
        get async {
            guard geteuid() == 0, await Script.has("unshare", "ip", "/lib/systemd/systemd") else { return false }
            let mounts =
                "mount --make-rprivate / && mount -t tmpfs none /mnt && mkdir /mnt/a && mount -t cgroup2 none /mnt/a && mkdir /mnt/a/bodkin-test.$$ && rmdir /mnt/a/bodkin-test.$$"
            return (try? await Script.run("unshare --mount --net --pid --cgroup --fork sh -c '\(mounts)' && echo possible")) == "possible\n"
        }
    }
}

/// What `make release` and `make deb` make, from this build's command. `make test-deb` tests the release build in a fresh system.
@Suite("Packages", .serialized, .enabled("needs root and dpkg") { await Packaging.isPossible })
struct PackageTests {
    private static let deb = "DEB_COMPRESSION=none \"$root/scripts/deb\" '\(Script.program)'"

    @Test("the Debian package is installed, used, upgraded, removed and purged, and its version is that of the command", .timeLimit(.minutes(5)))
    func debianPackage() async throws {
        let output = try await Script.run(
            """
            export TMPDIR=$work; DEB_VERSION=0.1.9 \(Self.deb) . >/dev/null && \(Self.deb) . && mv bodkin_\(ProductVersion.text)_*.deb first.deb && \(Self.deb) . >/dev/null &&
                cmp first.deb bodkin_\(ProductVersion.text)_*.deb && "$root/scripts/test-deb" bodkin_0.1.9_*.deb first.deb
            """)
        let lines = output.split(separator: "\n")
        #expect(lines.first?.contains("./bodkin_\(ProductVersion.text)_") == true, "\(output)")
        #expect(
            lines.dropFirst().map { String($0) } == [
                "installed 0.1.9", "identity, man pages and completions", "a server and a dial on loopback",
                "upgraded to \(ProductVersion.text), with its keys and options", "removed, its keys and options kept", "purged, nothing left",
            ], "\(output)")
    }

    @Test("the archive has the same bytes each time, its checksum holds, and its command runs", .timeLimit(.minutes(5)))
    func archive() async throws {
        let output = try await Script.run(
            """
            export TMPDIR=$work; for copy in one two; do GZIP_LEVEL=1 "$root/scripts/archive" '\(Script.program)' $copy >/dev/null || exit; done
            diff -r one two && cd one && sha256sum --check --quiet SHA256SUMS && tar xzf *.tar.gz && cd bodkin-\(ProductVersion.text)-linux-*/ && bin/bodkin --version
            ls; grep -q 'The SwiftNIO Project' share/doc/bodkin/NOTICES || echo 'no notice of SwiftNIO'
            """)
        #expect(output == "\(ProductVersion.text)\nbin\nshare\n")
    }

    @Test(
        "systemd takes the units, and finds little that they may do", .enabled("needs systemd-analyze") { await Script.has("systemd-analyze") },
        arguments: ["bodkin-server", "bodkin-listen@", "bodkin-relay"])
    func unit(_ name: String) async throws {
        let output = try await Script.run(
            """
            unit='\(name)'; unit=${unit/@/@x}.service; sed 's|/usr/bin/bodkin|/bin/true|' "$root/packaging/systemd/\(name).service" >$unit
            systemd-analyze verify --man=no --recursive-errors=no ./$unit && systemd-analyze security --offline=true --threshold=20 ./$unit >/dev/null && echo good
            """)
        #expect(output == "good\n", "\(output)")
    }

    @Test(
        "a systemd starts the units, also before their address is there, and stops them without a failure",
        .enabled("needs root, systemd and namespaces") { await Packaging.runsUnits }, .timeLimit(.minutes(4)))
    func units() async throws {
        let output = try await Script.run("TMPDIR=$work \"$root/scripts/test-units\" '\(Script.program)'")
        #expect(
            output.split(separator: "\n") == [
                "the server starts as soon as its address is there", "its log is in the journal", "the listener serves a dial",
                "no join token is in the journal", "the relay answers by TLS on port 443", "both stop without a failure",
            ], "\(output)")
    }
}
#endif
