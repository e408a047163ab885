#if canImport(BodkinNATLab)
import ArgumentParser
import BodkinNATLab

extension AccessNetwork {
    /// Creates the network with this name.
    /// - Throws: ``LabError`` with the known names.
    init(named name: String, among known: [AccessNetwork] = allCases) throws {
        guard let network = AccessNetwork(rawValue: name), known.contains(network) else {
            throw LabError(.usage, "The lab has no NAT named '\(name)'. Choose from \(Self.choice(among: known)).")
        }
        self = network
    }

    /// The names in one line. The 35 configurations appear as TYPE/DELTA.
    static func choice(among known: [AccessNetwork] = allCases) -> String {
        let configurations = known.filter { if case .configuration = $0 { true } else { false } }
        guard configurations.count == NATConfiguration.allCases.count else { return known.map(\.rawValue).joined(separator: ", ") }
        let presets = known.filter { !configurations.contains($0) }.map(\.rawValue)
        return (presets + ["TYPE/DELTA"]).joined(separator: ", ") + ", where TYPE is \(list(NATConfiguration.Kind.self)), and DELTA is "
            + list(NATConfiguration.Delta.self)
    }

    /// The names that a shell completes.
    static var completion: CompletionKind { .list(allCases.map(\.rawValue)) }

    private static func list<Word: RawRepresentable<String> & CaseIterable>(_: Word.Type) -> String {
        let words = Word.allCases.map(\.rawValue)
        return words.dropLast().joined(separator: ", ") + " or " + (words.last ?? "")
    }
}
#endif
