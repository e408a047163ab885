extension STUNMessage {
    /// Takes big-endian numbers and bytes off the front of untrusted bytes; nil where there are too few.
    struct Reader {
        private var rest: ArraySlice<UInt8>

        init(_ bytes: some Sequence<UInt8>) { rest = ArraySlice(bytes) }

        var count: Int { rest.count }

        mutating func bytes(_ count: Int) -> [UInt8]? {
            guard count >= 0, count <= rest.count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }

        mutating func number<Number: FixedWidthInteger & UnsignedInteger>(_: Number.Type = Number.self) -> Number? {
            bytes(Number.bitWidth / 8)?.reduce(0) { $0 << 8 | Number($1) }
        }
    }

    /// A number's bytes in network order.
    package static func bigEndian(_ number: some FixedWidthInteger) -> [UInt8] { withUnsafeBytes(of: number.bigEndian) { Array($0) } }

    /// How many bytes of padding follow a value of `count` bytes (RFC 8489 section 14).
    static func paddingSize(after count: Int) -> Int { (4 - count % 4) % 4 }
}
