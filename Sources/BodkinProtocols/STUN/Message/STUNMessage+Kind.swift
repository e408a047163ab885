extension STUNMessage {
    /// What part a message plays in a transaction (RFC 8489 section 5): two bits of the message type.
    package enum Class: UInt16, Sendable, Hashable, CaseIterable {
        /// Asks, and is answered.
        case request = 0
        /// Asks, and is never answered.
        case indication = 1
        /// Answers a request that was met.
        case success = 2
        /// Answers a request that was not met; carries ``ErrorCode``.
        case error = 3
    }

    /// What a message is about: twelve bits of the message type.
    package struct Method: RawRepresentable, Sendable, Hashable {
        /// The method's number, 0 ... 0xFFF.
        package let rawValue: UInt16

        /// A method by its number; nil above 0xFFF.
        package init?(rawValue: UInt16) {
            guard rawValue <= 0xFFF else { return nil }
            self.rawValue = rawValue
        }

        init(known: UInt16) { rawValue = known }

        /// Binding: tells a client its address as the server sees it.
        package static let binding = Method(known: 1)

        /// The method bits of a message type, which lie around those of the class.
        init(type: UInt16) { rawValue = type & 0x000F | type >> 1 & 0x0070 | type >> 2 & 0x0F80 }
    }

    /// The first 16 bits of a message: the method's bits with the class in bits 4 and 8 (section 5, figure 3).
    var type: UInt16 {
        let method = method.rawValue
        let spread = method & 0x000F | (method & 0x0070) << 1 | (method & 0x0F80) << 2
        return spread | (`class`.rawValue & 1) << 4 | (`class`.rawValue & 2) << 7
    }
}

extension STUNMessage.Class {
    /// The class bits of a message type.
    init(type: UInt16) {
        switch (type & 0x0100 != 0, type & 0x0010 != 0) {
        case (false, false): self = .request
        case (false, true): self = .indication
        case (true, false): self = .success
        case (true, true): self = .error
        }
    }
}
