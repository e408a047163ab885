import BodkinCore
import FoundationEssentials

/// The memory as a file: one JSON object, as below.
///
/// ```json
/// {"version": 1, "precedents": [{"own": "…", "far": "…", "by": "search", "first": "burst", "round": 2, "on": "2026-11-28"}]}
/// ```
extension PunchMemory {
    /// Later versions write a larger number, where this one could not read what they mean.
    private static let version = 1
    /// What is longer is no memory: an entry takes some 300 bytes.
    public static let largestText = 262_144

    private struct File: Codable {
        var version: Int
        var precedents: [Entry?]

        init(version: Int, precedents: [Entry]) { (self.version, self.precedents) = (version, precedents) }

        /// What of the list is no entry is left out, and not the whole list.
        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            version = try values.decode(Int.self, forKey: .version)
            precedents = try values.decode([Lenient].self, forKey: .precedents).map(\.entry)
        }
    }

    private struct Lenient: Decodable {
        var entry: Entry?
        init(from decoder: any Decoder) { entry = try? Entry(from: decoder) }
    }

    private struct Entry: Codable {
        var own: String
        var far: String
        var by: String
        var first: String?
        var round: Int
        var on: String
    }

    /// What a file holds, as far as it can be understood; nil for one of a later version, which is not to be overwritten.
    public init?(json text: String) {
        self.init()
        guard text.utf8.count <= Self.largestText, let file = try? JSONDecoder().decode(File.self, from: Data(text.utf8)) else { return }
        guard file.version <= Self.version else { return nil }
        for case let entry? in file.precedents.suffix(Self.limit) {
            guard let own = NATProfile.Kind(entry.own), let far = NATProfile.Kind(entry.far), let means = Precedent.Means(rawValue: entry.by),
                let day = Day(entry.on), (1...8).contains(entry.round)
            else { continue }
            note(Precedent(means, isBurstFirst: entry.first == "burst", round: entry.round, day: day), own: own, far: far)
        }
    }

    /// The file's text.
    public var json: String {
        let list = entries.map { pair, precedent in
            Entry(
                own: pair.own.description, far: pair.far.description, by: precedent.means.rawValue, first: precedent.isBurstFirst ? "burst" : nil,
                round: precedent.round, on: precedent.day.description)
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return ((try? encoder.encode(File(version: Self.version, precedents: list))).map { String(decoding: $0, as: UTF8.self) } ?? "{}") + "\n"
    }
}
