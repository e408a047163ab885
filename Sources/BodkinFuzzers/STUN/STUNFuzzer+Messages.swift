import BodkinCore
import BodkinProtocols

extension STUNFuzzer.Generator {
    static let username = "peer"
    static let key: [UInt8] = Array("a key that both know".utf8)

    /// A valid message: mostly Binding requests, often signed.
    mutating func message() -> STUNMessage {
        let kind = oneIn(3) ? STUNMessage.Class.allCases.randomElement(using: &self) ?? .request : .request
        let method = oneIn(8) ? STUNMessage.Method(rawValue: UInt16.random(in: 0...0xFFF, using: &self)) ?? .binding : .binding
        var message = STUNMessage(kind, method, transactionID: .random(using: &self))
        if !oneIn(3), let name = try? STUNMessage.Username(oneIn(6) ? "stranger" : Self.username) { message.add(name) }
        for _ in 0..<Int.random(in: 0...4, using: &self) { addAttribute(to: &message) }
        let integrity = Set(STUNMessage.Integrity.allCases.filter { _ in !oneIn(3) })
        message.seal(key: oneIn(8) ? bytes(0...40) : Self.key, integrity, fingerprint: oneIn(2))
        return message
    }

    mutating func endpoint() -> Endpoint {
        let port = UInt16.random(in: .min ... .max, using: &self)
        return oneIn(2)
            ? Endpoint(IPAddress(v4: UInt32.random(in: .min ... .max, using: &self)), port) : Endpoint(IPAddress(v6High: next(), low: next()), port)
    }

    private mutating func addAttribute(to message: inout STUNMessage) {
        let text = String(decoding: bytes(0...40).map { $0 & 0x7F }, as: UTF8.self)
        switch Int.random(in: 0..<20, using: &self) {
        case 0: message.add(STUNMessage.MappedAddress(endpoint()))
        case 1: message.add(STUNMessage.XORMappedAddress(endpoint()))
        case 2: message.add(STUNMessage.ResponseOrigin(endpoint()))
        case 3: message.add(STUNMessage.OtherAddress(endpoint()))
        case 4: if let realm = try? STUNMessage.Realm(text) { message.add(realm) }
        case 5: if let nonce = try? STUNMessage.Nonce(text) { message.add(nonce) }
        case 6: if let software = try? STUNMessage.Software(text) { message.add(software) }
        case 7: if let code = try? STUNMessage.ErrorCode(Int.random(in: 300..<700, using: &self), text) { message.add(code) }
        case 8: message.add(STUNMessage.UnknownAttributes((0..<3).map { _ in type() }))
        case 9: message.add(STUNMessage.ChangeRequest(address: oneIn(2), port: oneIn(2)))
        case 10: message.add(STUNMessage.ResponsePort(UInt16.random(in: .min ... .max, using: &self)))
        case 11: message.add(STUNMessage.Padding(count: Int.random(in: 0...300, using: &self)))
        case 12: message.add(STUNMessage.UserHash(username: text, realm: text))
        case 13: message.add(oneIn(2) ? STUNMessage.PasswordAlgorithm.md5 : .sha256)
        case 14: message.add(STUNMessage.PasswordAlgorithms([.sha256, .md5]))
        // Known types with any value, and any type.
        case 15...17: message.attributes.append(STUNMessage.RawAttribute(knownType(), bytes(0...40)))
        default: message.attributes.append(STUNMessage.RawAttribute(oneIn(2) ? type() : .software, bytes(0...40)))
        }
    }

    private mutating func type() -> STUNMessage.AttributeType { .init(rawValue: UInt16.random(in: .min ... .max, using: &self)) }

    private mutating func knownType() -> STUNMessage.AttributeType {
        STUNMessage.AttributeType.understood.map(\.rawValue).sorted().randomElement(using: &self).map { .init(rawValue: $0) } ?? .username
    }

    /// The bytes with a few changed, cut, repeated or lengthened; sometimes with the length put right again.
    mutating func mutated(_ original: [UInt8]) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...3, using: &self) where !bytes.isEmpty {
            let index = Int.random(in: bytes.indices, using: &self)
            switch Int.random(in: 0..<5, using: &self) {
            case 0: bytes[index] ^= 1 << UInt8.random(in: 0...7, using: &self)
            case 1: bytes[index] = UInt8.random(in: .min ... .max, using: &self)
            case 2: bytes.removeLast(min(bytes.count, Int.random(in: 1...16, using: &self) * (oneIn(2) ? 4 : 1)))
            case 3: bytes += self.bytes(1...8)
            default: bytes.insert(contentsOf: bytes[index...].prefix(4), at: index)
            }
        }
        if oneIn(2), bytes.count >= 20 { bytes.replaceSubrange(2..<4, with: STUNMessage.bigEndian(UInt16(truncatingIfNeeded: bytes.count - 20))) }
        return bytes
    }

    /// Random bytes, mostly behind a header that is right.
    mutating func garbage() -> [UInt8] {
        if oneIn(4) { return bytes(0...80) }
        let body = bytes(0...(oneIn(40) ? 3000 : 60))
        let type = UInt16.random(in: 0...0x3FFF, using: &self)
        return STUNMessage.bigEndian(oneIn(2) ? 1 : type) + STUNMessage.bigEndian(UInt16(truncatingIfNeeded: body.count))
            + STUNMessage.bigEndian(STUNMessage.magicCookie) + bytes(12...12) + body
    }
}
