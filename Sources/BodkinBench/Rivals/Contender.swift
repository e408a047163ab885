import BodkinNATLab
import BodkinPrediction

/// Whose connections are measured beside each other.
enum Contender: String, CaseIterable, Sendable {
    case bodkin = "Bodkin"
    case warpgate
    case p2pd

    /// What pip installs, pinned, with what the punching is made of; nothing for our own.
    var requirements: [String] {
        switch self {
        case .bodkin: []
        case .warpgate: ["warpgate==4.0.14", "aionetiface==0.0.24", "sidewire==0.1.9", "namebump==0.0.16"]
        case .p2pd: ["p2pd==3.1.9"]
        }
    }

    /// The driver of ours that uses the package.
    var driver: String { "rival_\(rawValue).py" }

    /// How long a connection is waited for, in seconds: longer than the package itself waits, which is 10 for warpgate (`PunchPlugin.conf`) and 20 for p2pd
    /// (`P2PPipe`).
    var patience: Int { self == .warpgate ? 15 : 25 }
}

extension NATProfile {
    /// The type in the numbers that both packages use (`nat_defs.py`, `nat_utils.py`), as the best of their measurements would find it.
    var typeForRivals: Int {
        switch (mapping, filtering) {
        case (.none, .endpointIndependent): 1
        case (.none, _): 2
        case (.endpointIndependent, .endpointIndependent): 3
        case (.endpointIndependent, .addressDependent): 4
        case (.endpointIndependent, _): 5
        default: 6
        }
    }
}
