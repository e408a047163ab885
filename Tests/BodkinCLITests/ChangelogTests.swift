import Testing

@testable import BodkinCLI

/// CHANGELOG.md in the form of Keep a Changelog, and the version that it names.
@Suite("The changelog")
struct ChangelogTests {
    private struct Release {
        var heading: Substring
        var lines: [Substring]
    }

    private static func releases() throws -> [Release] {
        var releases: [Release] = []
        for line in try Script.text(of: "CHANGELOG.md").split(separator: "\n") {
            if line.hasPrefix("## ") {
                releases.append(Release(heading: line, lines: []))
            } else if !releases.isEmpty {
                releases[releases.count - 1].lines.append(line)
            }
        }
        return releases
    }

    @Test("names the version of the command as its newest release")
    func version() async throws {
        let newest = try #require(Self.releases().dropFirst().first)
        #expect(newest.heading.hasPrefix("## [\(ProductVersion.text)] - "))
        #expect(try await Script.run("bodkin --version; \"$root/scripts/version\"") == "\(ProductVersion.text)\n\(ProductVersion.text)\n")
    }

    @Test("begins with Unreleased; each release has a date, and is newer than the next one")
    func order() throws {
        let releases = try Self.releases()
        #expect(releases.first?.heading == "## [Unreleased]")
        let dated = try releases.dropFirst().map { release in
            let match = try #require(release.heading.wholeMatch(of: /## \[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d\d-\d\d)/), "\(release.heading)")
            return ([match.1, match.2, match.3].compactMap { Int($0) }, match.4)
        }
        for (newer, older) in zip(dated, dated.dropFirst()) {
            #expect(older.0.lexicographicallyPrecedes(newer.0) && older.1 <= newer.1)
        }
    }

    @Test("has entries of one line below the headings of Keep a Changelog")
    func entries() throws {
        let kinds = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"].map { "### \($0)" }
        for release in try Self.releases() {
            let headings = release.lines.filter { $0.hasPrefix("#") }
            #expect(headings.allSatisfy { kinds.contains(String($0)) } && Set(headings).count == headings.count, "\(release.heading): \(headings)")
            let entries = release.lines.drop { !$0.hasPrefix("#") }.filter { !$0.hasPrefix("#") }
            for entry in entries { #expect(entry.hasPrefix("- ") && entry.hasSuffix(".") && entry.count <= 100, "\(entry)") }
        }
    }
}
