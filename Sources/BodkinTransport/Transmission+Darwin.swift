#if canImport(Darwin)
import NIOCore

extension Transmission {
    /// Not told by this system.
    init?(_ channel: any Channel) { return nil }
}
#endif
