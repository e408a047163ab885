import BodkinCore
import BodkinProtocols

/// An answer to a request with a credential that is not the server's, or that somebody has changed on its way.
enum ForgedAnswer: String, CaseIterable {
    case unsigned, otherKey, weakerKindOnly, wrongKindBesideRight, cutOff, shortCode, changed, addressBehindCode, otherTransaction

    /// Where the server sees the client, and where the forger says that it does.
    static let seen = Endpoint(IPAddress(v4: 0xCB00_7109), 50_000)
    static let forged = Endpoint(IPAddress(v4: 0xCB00_7163), 22)

    /// The answer's bytes; `key` is what the server has.
    func bytes(to request: STUNMessage, key: [UInt8]) -> [UInt8] {
        let kinds = Set(STUNMessage.Integrity.allCases.filter { request.contains($0 == .sha1 ? .messageIntegrity : .messageIntegritySHA256) })
        func answer(_ endpoint: Endpoint, key: [UInt8]?, _ kinds: Set<STUNMessage.Integrity>) -> [UInt8] {
            var message = STUNMessage.bindingSuccess(to: request, mapped: endpoint)
            message.seal(key: key, kinds, fingerprint: false)
            return message.bytes
        }
        switch self {
        case .unsigned: return answer(Self.forged, key: nil, [])
        case .otherKey: return answer(Self.forged, key: [UInt8](repeating: 1, count: 32), kinds)
        case .weakerKindOnly: return answer(Self.forged, key: [UInt8](repeating: 1, count: 32), [.sha1])
        case .wrongKindBesideRight:
            var bytes = answer(Self.seen, key: key, [.sha1, .sha256])
            bytes[bytes.count - 1] ^= 1
            return bytes
        case .cutOff:
            // The address, and then nothing.
            return STUNMessage.bindingSuccess(to: request, mapped: Self.forged).bytes
        case .shortCode:
            var bytes = answer(Self.seen, key: key, [.sha256])
            bytes.removeLast(16)
            (bytes[3], bytes[bytes.count - 17]) = (bytes[3] - 16, 16)
            return bytes
        case .changed:
            var bytes = answer(Self.seen, key: key, kinds)
            bytes[STUNMessage.headerSize + 4 + 7] ^= 1
            return bytes
        case .addressBehindCode:
            // The server's own signature under nothing, and another address behind it.
            var message = STUNMessage(.success, .binding, transactionID: request.transactionID)
            message.seal(key: key, kinds, fingerprint: false)
            return Self.append(answer(Self.forged, key: nil, []).dropFirst(STUNMessage.headerSize), to: message.bytes)
        case .otherTransaction:
            var message = STUNMessage.bindingSuccess(to: .bindingRequest(), mapped: Self.forged)
            message.seal(key: key, kinds, fingerprint: false)
            return message.bytes
        }
    }

    /// The server's answer, with another address behind its signature.
    static func genuine(to request: STUNMessage, key: [UInt8], _ kinds: Set<STUNMessage.Integrity>) -> [UInt8] {
        var message = STUNMessage.bindingSuccess(to: request, mapped: seen)
        message.seal(key: key, kinds, fingerprint: false)
        return append(STUNMessage.bindingSuccess(to: request, mapped: forged).bytes.dropFirst(STUNMessage.headerSize), to: message.bytes)
    }

    private static func append(_ attribute: some Collection<UInt8>, to message: [UInt8]) -> [UInt8] {
        var bytes = message + attribute
        let length = bytes.count - STUNMessage.headerSize
        (bytes[2], bytes[3]) = (UInt8(length >> 8), UInt8(length & 0xFF))
        return bytes
    }
}
