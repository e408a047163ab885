package import BodkinCore

extension STUNMessage.Method {
    /// Allocate (RFC 8656 section 7).
    package static let allocate = Self(known: 0x003)
    /// Refresh (section 8).
    package static let refresh = Self(known: 0x004)
    /// CreatePermission (section 10).
    package static let createPermission = Self(known: 0x008)
    /// Connect (RFC 6062 section 4.3).
    package static let connect = Self(known: 0x00A)
    /// ConnectionBind (section 4.3).
    package static let connectionBind = Self(known: 0x00B)
    /// ConnectionAttempt (section 4.4).
    package static let connectionAttempt = Self(known: 0x00C)
}

extension STUNMessage.AttributeType {
    /// LIFETIME.
    package static let lifetime = Self(rawValue: 0x000D)
    /// XOR-PEER-ADDRESS.
    package static let xorPeerAddress = Self(rawValue: 0x0012)
    /// XOR-RELAYED-ADDRESS.
    package static let xorRelayedAddress = Self(rawValue: 0x0016)
    /// REQUESTED-ADDRESS-FAMILY.
    package static let requestedAddressFamily = Self(rawValue: 0x0017)
    /// REQUESTED-TRANSPORT.
    package static let requestedTransport = Self(rawValue: 0x0019)
    /// CONNECTION-ID (RFC 6062).
    package static let connectionID = Self(rawValue: 0x002A)
    /// ALTERNATE-SERVER (RFC 8489).
    package static let alternateServer = Self(rawValue: 0x8023)

    /// The comprehension-required attributes that a client of TURN understands.
    package static let understoodByTURN = understood.union([
        .lifetime, .xorPeerAddress, .xorRelayedAddress, .requestedAddressFamily, .requestedTransport, .connectionID,
    ])
}

extension STUNMessage {
    /// LIFETIME (RFC 8656 section 18.2): how long an allocation lives, in seconds.
    package struct Lifetime: Attribute {
        package static let type = AttributeType.lifetime
        package let seconds: UInt32

        package init(_ seconds: UInt32) { self.seconds = seconds }

        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) {
            guard let seconds = fourBytes(value) else { throw Self.malformed("it must hold four bytes") }
            self.seconds = seconds
        }

        package func value(in transaction: TransactionID) -> [UInt8] { bigEndian(seconds) }
    }

    /// CONNECTION-ID (RFC 6062 section 6.2.1): names a connection of the relay until it is bound.
    package struct ConnectionID: Attribute {
        package static let type = AttributeType.connectionID
        package let number: UInt32

        package init(_ number: UInt32) { self.number = number }

        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) {
            guard let number = fourBytes(value) else { throw Self.malformed("it must hold four bytes") }
            self.number = number
        }

        package func value(in transaction: TransactionID) -> [UInt8] { bigEndian(number) }
    }

    /// REQUESTED-TRANSPORT (RFC 8656 section 18.7): TCP or UDP between the relay and remote hosts.
    package enum RequestedTransport: UInt8, Attribute, CaseIterable {
        case tcp = 6
        case udp = 17
        package static let type = AttributeType.requestedTransport

        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) {
            guard value.count == 4, let transport = Self(rawValue: value[0]) else { throw Self.malformed("it must hold TCP or UDP") }
            self = transport
        }

        package func value(in transaction: TransactionID) -> [UInt8] { [rawValue, 0, 0, 0] }
    }

    /// REQUESTED-ADDRESS-FAMILY (RFC 8656 section 18.6). Without it the family is IPv4, also for a client over IPv6.
    package struct RequestedAddressFamily: Attribute {
        package static let type = AttributeType.requestedAddressFamily
        package let family: IPAddress.Family

        package init(_ family: IPAddress.Family) { self.family = family }

        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) {
            guard value.count == 4, 1...2 ~= value[0] else { throw Self.malformed("it must hold IPv4 or IPv6") }
            family = value[0] == 1 ? .v4 : .v6
        }

        package func value(in transaction: TransactionID) -> [UInt8] { [family == .v4 ? 1 : 2, 0, 0, 0] }
    }

    /// XOR-PEER-ADDRESS (RFC 8656 section 18.3): a remote host as the relay sees it.
    package struct XORPeerAddress: Attribute {
        package static let type = AttributeType.xorPeerAddress
        package let endpoint: Endpoint

        package init(_ endpoint: Endpoint) { self.endpoint = endpoint }
        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) {
            endpoint = try XORMappedAddress(value: value, in: transaction).endpoint
        }
        package func value(in transaction: TransactionID) -> [UInt8] { XORMappedAddress(endpoint).value(in: transaction) }
    }

    /// XOR-RELAYED-ADDRESS (RFC 8656 section 18.5): where remote hosts reach the client through the relay.
    package struct XORRelayedAddress: Attribute {
        package static let type = AttributeType.xorRelayedAddress
        package let endpoint: Endpoint

        package init(_ endpoint: Endpoint) { self.endpoint = endpoint }
        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) {
            endpoint = try XORMappedAddress(value: value, in: transaction).endpoint
        }
        package func value(in transaction: TransactionID) -> [UInt8] { XORMappedAddress(endpoint).value(in: transaction) }
    }

    /// ALTERNATE-SERVER (RFC 8489 section 14.15): the server to ask instead.
    package struct AlternateServer: Attribute {
        package static let type = AttributeType.alternateServer
        package let endpoint: Endpoint

        package init(_ endpoint: Endpoint) { self.endpoint = endpoint }
        package init(value: [UInt8], in transaction: TransactionID) throws(STUNError) {
            guard let endpoint = AddressValue.endpoint(value) else { throw Self.malformed("it must hold an IPv4 or IPv6 address and a port") }
            self.endpoint = endpoint
        }
        package func value(in transaction: TransactionID) -> [UInt8] { AddressValue.bytes(endpoint) }
    }

    private static func fourBytes(_ value: [UInt8]) -> UInt32? {
        value.count == 4 ? value.reduce(0) { $0 << 8 | UInt32($1) } : nil
    }
}
