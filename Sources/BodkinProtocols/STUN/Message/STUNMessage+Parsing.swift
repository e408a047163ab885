extension STUNMessage {
    /// Reads a message that is exactly these bytes: a datagram, or what ``STUNFramer`` cut out of a stream.
    ///
    /// Checks what RFC 8489 section 6.3 asks for: the leading zero bits, the magic cookie, the length, the bounds of every attribute, and
    /// FINGERPRINT where there is one. Values are checked when they are read with ``attribute(_:)``; nothing is authenticated yet.
    /// - Throws: ``STUNError``: drop the datagram, or close the stream.
    package init(_ bytes: [UInt8]) throws(STUNError) {
        guard let size = try Self.size(announcedBy: bytes.prefix(Self.headerSize)), size == bytes.count else {
            throw STUNError(.wrongLength, "A STUN message of \(bytes.count) bytes announces another length. Drop the message.")
        }
        var reader = Reader(bytes)
        guard let type = reader.number(UInt16.self), reader.bytes(6) != nil, let id = reader.bytes(12).flatMap({ TransactionID(bytes: $0) }) else {
            throw STUNError(.wrongLength, "A STUN message ends within its header. Drop the message.")
        }
        self.init(Class(type: type), Method(type: type), transactionID: id)
        while reader.count > 0 {
            if attributes.last?.type == .fingerprint { throw STUNError(.wrongFingerprint, "Attributes follow a STUN FINGERPRINT. Drop the message.") }
            attributes.append(try RawAttribute(from: &reader))
        }
        if let last = attributes.last, last.type == .fingerprint, last.value != Fingerprint(of: bytes.dropLast(8)).value(in: id) {
            throw STUNError(.wrongFingerprint, "A STUN FINGERPRINT does not match its message. Drop the message.")
        }
    }

    /// The size of the message that begins with `prefix`, header included; nil while there are fewer than 4 bytes.
    ///
    /// Judges every byte that is there, so that a stream of anything else is found out at its first wrong byte (sections 5 and 6.2.2).
    static func size(announcedBy prefix: some Collection<UInt8>) throws(STUNError) -> Int? {
        let prefix = Array(prefix.prefix(8))
        if let first = prefix.first, first & 0xC0 != 0 {
            throw STUNError(.notSTUN, "The first byte is not that of a STUN message. Check whether the remote endpoint speaks TLS, HTTP or TURN.")
        }
        if !bigEndian(magicCookie).starts(with: prefix.dropFirst(4)) {
            throw STUNError(.notSTUN, "The STUN magic cookie is missing. The remote endpoint must speak RFC 5389 or later.")
        }
        var reader = Reader(prefix.dropFirst(2))
        guard let length = reader.number(UInt16.self) else { return nil }
        guard length % 4 == 0 else { throw STUNError(.notSTUN, "A STUN length of \(length) is not a multiple of 4. Drop the message.") }
        let size = headerSize + Int(length)
        guard size <= maximumSize else {
            throw STUNError(.tooLarge, "A STUN message of \(size) bytes is longer than the limit of \(maximumSize). Send less.")
        }
        return size
    }
}
