#if canImport(Darwin)
extension Path {
    /// Not told by this system.
    var transmission: Transmission? { nil }
}
#endif
