import FoundationEssentials
import Testing

/// docs/security.md: every promise names the test that holds it.
@Suite("The page about security")
struct SecurityPageTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The tables whose last column is "test": the cells of each row.
    private static func rows() throws -> [[String]] {
        let text = try String(contentsOf: root.appending(path: "docs/security.md"), encoding: .utf8)
        var isTestTable = false
        var rows: [[String]] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            guard line.hasPrefix("|") else {
                isTestTable = false
                continue
            }
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast().map {
                String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            }
            if cells.last == "test" { isTestTable = true } else if isTestTable, cells.last?.hasPrefix("---") == false { rows.append(cells) }
        }
        return rows
    }

    /// The text of each file of a folder.
    private static func sources(_ folder: String) throws -> [String] {
        let folder = root.appending(path: folder)
        return try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }
            .map { try String(contentsOf: folder.appending(path: $0), encoding: .utf8) }
    }

    /// What a cell names: the words in backquotes.
    private static func names(_ cell: String) -> [String] {
        cell.split(separator: "`", omittingEmptySubsequences: false).enumerated().filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }

    /// Whether a file declares a type.
    private static func declares(_ source: String, _ type: String) -> Bool {
        ["struct \(type) ", "struct \(type):", "class \(type) ", "class \(type):", "enum \(type) "].contains { source.contains($0) }
    }

    @Test("each cell of a column of tests names one, and each that is named exists")
    func names() throws {
        let (tests, sources, rows) = (try Self.sources("Tests"), try Self.sources("Sources"), try Self.rows())
        #expect(rows.count > 20)
        for cells in rows {
            let names = Self.names(cells.last ?? "")
            #expect(names.contains { $0.contains("Tests") }, "no test holds this: \(cells)")
            for name in names {
                // A suite, a suite inside another one, or one test of a suite.
                let path = name.split(separator: "/").last.map(String.init) ?? name
                let parts = path.split(separator: ".").map(String.init)
                let files = (path.contains("Tests") ? tests : sources).filter { Self.declares($0, parts[0]) }
                #expect(!files.isEmpty, "\(name) does not exist")
                if parts.count > 1 { #expect(files.contains { $0.contains("func \(parts[1])(") }, "\(name) does not exist") }
            }
        }
    }
}
