import BodkinCore
package import BodkinEmulation
import Synchronization

extension PathDeath {
    /// Both ways out of `a`: a path may be on either.
    package static let waysOut = ["a", "a.eth1"]
    private static let addressCount = Atomic<UInt32>(0)

    /// What the lab does to bring it about; nothing for those that take more than its faults.
    package var faults: [Fault] {
        switch self {
        case .rebootNear: Self.waysOut.map { .reboot($0) }
        case .rebootFar: [.reboot("b")]
        case .silenceUp: Self.waysOut.map { .blackhole($0, isUpward: true, Self.silence) }
        case .silenceDown: Self.waysOut.map { .blackhole($0, isUpward: false, Self.silence) }
        case .addressNear: Self.waysOut.map { .addressChange($0, Self.freshAddress()) }
        case .addressFar: [.addressChange("b", Self.freshAddress())]
        case .reset, .interface, .server: []
        }
    }

    /// An outside address that no NAT of the lab has: one after another, so that those in use are the last few.
    static func freshAddress() -> IPAddress { IPAddress(v4: 0xCB00_7180 + addressCount.add(1, ordering: .relaxed).oldValue % 100) }
}
