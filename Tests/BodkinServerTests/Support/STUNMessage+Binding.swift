import BodkinCore
import BodkinProtocols
import NIOCore
import Testing

extension STUNMessage {
    /// The request that proves a NAT-binding connection to be a peer's.
    static func bindingRequest(_ peer: TestPeer, _ nonce: Nonce?, key: [UInt8]? = nil) throws -> STUNMessage {
        let name = BindingName(key: peer.stunKey).description
        return .bindingRequest(credential: try STUNCredential(username: name, key: key ?? peer.stunKey), nonce: nonce)
    }
}

extension TestStream {
    /// Sends a request and perhaps another one behind it, and waits for the answer to the first. Other answers are skipped.
    func ask(_ request: STUNMessage, followedBy further: STUNMessage? = nil) async throws -> STUNMessage {
        send(request.bytes)
        if let further { send(further.bytes) }
        var framer = STUNFramer()
        while true {
            var bytes = ByteBuffer(bytes: try #require(await next()))
            while let answer = try framer.next(from: &bytes) { if answer.transactionID == request.transactionID { return answer } }
        }
    }

    /// Proves that this connection is a peer's.
    func prove(_ peer: TestPeer) async throws -> STUNMessage { try await ask(.bindingRequest(peer, nonce())) }

    /// What the next proof on this connection has to repeat.
    func nonce() async throws -> STUNMessage.Nonce? { try await ask(.bindingRequest()).attribute(STUNMessage.Nonce.self) }
}
