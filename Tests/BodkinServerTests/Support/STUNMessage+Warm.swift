import BodkinCore
import BodkinProtocols

extension STUNMessage {
    /// The request that proves a warm connection to be a peer's.
    static func warmRequest(_ peer: TestPeer, key: [UInt8]? = nil) throws -> STUNMessage {
        .bindingRequest(credential: try STUNCredential(username: peer.instance.description, key: key ?? peer.stunKey))
    }
}
