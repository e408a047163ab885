package import BodkinCore

/// The right to open one connection to an endpoint, or to send the datagrams of one exchange there.
///
/// Only ``OutboundGate`` makes one, and whatever connects or sends asks for one. So nothing leaves that the gate has not judged.
package struct Passage: Hashable, Sendable {
    /// Where to.
    package let endpoint: Endpoint

    /// A passage; for the gate alone.
    init(to endpoint: Endpoint) { self.endpoint = endpoint }
}
