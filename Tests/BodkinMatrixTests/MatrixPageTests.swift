import BodkinExercise
import BodkinNATLab
import Foundation
import Testing

@testable import BodkinMatrix

#if canImport(FoundationXML)
import FoundationXML
#endif

@Suite("The page of the matrix")
struct MatrixPageTests {
    /// Every pair of the catalogue with a few dials, one of them with what markup must not take for its own.
    private static func page() throws -> MatrixPage {
        var evidence = Evidence(kernel: "6.1 <&\">", seed: 1)
        var pairs = PairEvidence()
        pairs.outcomes = PairEvidence.catalogue
        for index in pairs.outcomes.indices {
            var dial = PairDial(seed: UInt64(9_000_000 + index), dialer: .a, packets: 80)
            (dial.route, dial.directByte) = index.isMultiple(of: 3) ? ("circuit", nil) : ("direct", 310)
            pairs.outcomes[index].dials = [dial]
        }
        pairs.outcomes[0].verdict += " <b>&\"'"
        evidence.pairs = pairs
        return MatrixPage(evidence: evidence)
    }

    /// What a reader of XML finds in it.
    private final class Reader: NSObject, XMLParserDelegate {
        var names: [String: Int] = [:]
        var attributes: Set<String> = []
        var titles: [String] = []
        var rows: [[String]] = []
        private var isCell = false

        func parser(
            _: XMLParser, didStartElement name: String, namespaceURI _: String?, qualifiedName _: String?, attributes given: [String: String]
        ) {
            names[name, default: 0] += 1
            attributes.formUnion(given.keys)
            if let title = given["title"] { titles.append(title) }
            if name == "tr" { rows.append([]) }
            isCell = name == "td"
            if isCell { rows[rows.count - 1].append("") }
        }
        func parser(_: XMLParser, foundCharacters text: String) {
            if isCell, let row = rows.indices.last, let cell = rows[row].indices.last { rows[row][cell] += text }
        }
        func parser(_: XMLParser, didEndElement name: String, namespaceURI _: String?, qualifiedName _: String?) {
            if name == "td" { isCell = false }
        }
    }

    @Test("is well-formed, and asks for nothing from outside")
    func wellFormed() throws {
        let html = try Self.page().html
        let parser = XMLParser(data: Data(html.utf8))
        let reader = Reader()
        parser.delegate = reader
        #expect(parser.parse(), "\(parser.parserError.map { "\($0)" } ?? "") in line \(parser.lineNumber)")
        #expect(reader.attributes.isDisjoint(with: ["src", "href", "srcset", "data", "action", "onload", "onclick"]))
        #expect(Set(reader.names.keys).isDisjoint(with: ["script", "link", "img", "iframe", "object", "base"]))
        #expect(!html.contains("url(") && !html.contains("@import"))
        #expect(reader.names["table"] == 4)
    }

    @Test("holds every pair twice: in a map, with everything for those who point at it, and in a list")
    func complete() throws {
        let page = try Self.page()
        let parser = XMLParser(data: Data(page.html.utf8))
        let reader = Reader()
        parser.delegate = reader
        #expect(parser.parse())
        let lists = Set(reader.rows.filter { $0.count == 12 }.map { $0[0] })
        let maps = Set(reader.titles.compactMap { $0.split(separator: "\n").first.map(String.init) })
        let names = PairEvidence.catalogue.map(\.name) + PeerCell.pairs.map(\.name)
        #expect(names.filter { !lists.contains($0) || !maps.contains($0) } == [])
        #expect(reader.titles.count == 18 * 19 / 2 + 27 * 28 / 2)
        let first = try #require(reader.titles.first { $0.hasPrefix("symmetric-seq + open\n") })
        #expect(first.contains("<b>&\"'") && first.contains("certain: 1 SYN at the port seen") && first.contains("0 of 1 dials"))
        #expect(page.html.contains("9000000"))
    }

    @Test("has a page with no evidence at all")
    func empty() {
        let parser = XMLParser(data: Data(MatrixPage(evidence: Evidence(kernel: "", seed: 0)).html.utf8))
        #expect(parser.parse())
    }
}
