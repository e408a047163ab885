extension STUNMessage {
    /// The message on the wire.
    package var bytes: [UInt8] { bytes(upTo: attributes.count, leavingRoomFor: 0) }

    /// The size on the wire.
    package var size: Int { attributes.reduce(Self.headerSize) { $0 + $1.size } }

    /// The first `count` attributes behind a header that announces `room` bytes more: what integrity codes and FINGERPRINT are computed
    /// over (RFC 8489 sections 14.5 to 14.7).
    func bytes(upTo count: Int, leavingRoomFor room: Int) -> [UInt8] {
        let body = attributes.prefix(count).flatMap(\.bytes)
        return Self.bigEndian(type) + Self.bigEndian(UInt16(truncatingIfNeeded: body.count + room)) + Self.bigEndian(Self.magicCookie)
            + transactionID.bytes + body
    }
}
