import BodkinCore

/// Rewriting in place. Checksums are updated incrementally (RFC 1624), so that an error the sender made stays visible.
extension Packet {
    /// Gives the packet the endpoints of `translation`, and an error the quoted flow that belongs to them.
    package mutating func apply(_ translation: Translation) {
        rewriteAddresses(from: translation.source.address, to: translation.destination.address)
        switch summary.kind {
        case .laterFragment: break
        case .message: rewritePorts(source: translation.source.port, destination: translation.destination.port)
        case .error:
            if let flow = translation.quoted { rewriteQuoted(flow) }
        }
    }

    private mutating func rewriteAddresses(from source: IPAddress, to destination: IPAddress) {
        if let value = source.v4, source != summary.flow.source.address {
            rewriteAddress(at: 12, value)
            summary.flow.source.address = source
            header.source = source
        }
        if let value = destination.v4, destination != summary.flow.destination.address {
            rewriteAddress(at: 16, value)
            summary.flow.destination.address = destination
            header.destination = destination
        }
    }

    private mutating func rewriteAddress(at offset: Int, _ value: UInt32) {
        let old = bytes.longWord(offset)
        bytes.setLongWord(offset, value)
        bytes.setWord(10, Checksum.updated(bytes.word(10), old, value))
        guard summary.kind == .message else { return }
        if let place = pseudoHeaderChecksumOffset { setChecksum(at: place, Checksum.updated(bytes.word(place), old, value)) }
    }

    /// Where the checksum that covers the addresses lies; nil for ICMPv4 and for UDP without a checksum.
    private var pseudoHeaderChecksumOffset: Int? {
        switch summary.flow.transport {
        case .tcp: upperOffset + 16
        case .udp: bytes.word(upperOffset + 6) == 0 ? nil : upperOffset + 6
        case .icmp: nil
        }
    }

    private mutating func rewritePorts(source: UInt16, destination: UInt16) {
        let flow = summary.flow
        if flow.transport == .icmp {
            let isQuery = bytes[upperOffset] == 8 || bytes[upperOffset] == 128
            let identifier = isQuery ? source : destination
            replaceWord(at: upperOffset + 4, by: identifier, checksumAt: upperOffset + 2)
            // The other end has no port, whatever the translation says.
            summary.flow.source.port = isQuery ? identifier : 0
            summary.flow.destination.port = isQuery ? 0 : identifier
        } else {
            let checksum = pseudoHeaderChecksumOffset
            replaceWord(at: upperOffset, by: source, checksumAt: checksum)
            replaceWord(at: upperOffset + 2, by: destination, checksumAt: checksum)
            summary.flow.source.port = source
            summary.flow.destination.port = destination
        }
    }

    private mutating func replaceWord(at offset: Int, by value: UInt16, checksumAt place: Int?) {
        let old = bytes.word(offset)
        guard old != value else { return }
        bytes.setWord(offset, value)
        if let place { setChecksum(at: place, Checksum.updated(bytes.word(place), old, value)) }
    }

    private mutating func setChecksum(at place: Int, _ checksum: UInt16) {
        bytes.setWord(place, checksum == 0 && summary.flow.transport == .udp ? 0xFFFF : checksum)  // RFC 768: zero means none
    }

    /// Gives the packet inside an ICMPv4 error another flow (RFC 5508 section 4.2) and makes the ICMP checksum anew.
    private mutating func rewriteQuoted(_ flow: Flow) {
        guard let quoted, quoted.family == .v4, let source = flow.source.address.v4, let destination = flow.destination.address.v4 else { return }
        let start = upperOffset + 8
        let offset = quoted.upperOffset
        var checksums = [start + 10]
        // The transport checksum, where the quotation reaches that far.
        let place = flow.transport == .tcp ? offset + 16 : offset + 6
        let covers = flow.transport != .icmp && place + 2 <= quoted.end && !(flow.transport == .udp && bytes.word(place) == 0)
        if covers { checksums.append(place) }
        func replace(_ at: Int, _ value: UInt16, _ places: [Int], _ bytes: inout [UInt8]) {
            let old = bytes.word(at)
            bytes.setWord(at, value)
            for place in places { bytes.setWord(place, Checksum.updated(bytes.word(place), old, value)) }
        }
        replace(start + 12, UInt16(truncatingIfNeeded: source >> 16), checksums, &bytes)
        replace(start + 14, UInt16(truncatingIfNeeded: source), checksums, &bytes)
        replace(start + 16, UInt16(truncatingIfNeeded: destination >> 16), checksums, &bytes)
        replace(start + 18, UInt16(truncatingIfNeeded: destination), checksums, &bytes)
        if flow.transport == .icmp {
            replace(offset + 4, flow.source.port, [offset + 2], &bytes)
        } else {
            replace(offset, flow.source.port, covers ? [place] : [], &bytes)
            replace(offset + 2, flow.destination.port, covers ? [place] : [], &bytes)
        }
        if covers && flow.transport == .udp && bytes.word(place) == 0 { bytes.setWord(place, 0xFFFF) }  // RFC 768: zero means none
        bytes.setWord(upperOffset + 2, 0)
        bytes.setWord(upperOffset + 2, Checksum.of(bytes[upperOffset...]))
        let destinationPort = flow.transport == .icmp ? 0 : flow.destination.port
        summary.kind = .error(quoting: Flow(flow.transport, from: flow.source, to: Endpoint(flow.destination.address, destinationPort)))
        self.quoted?.source = flow.source.address
        self.quoted?.destination = flow.destination.address
    }

    /// Takes one hop off; false when none was left and the packet must be discarded.
    mutating func takeHop() -> Bool {
        let offset = header.family == .v4 ? 8 : 7
        guard bytes[offset] > 1 else { return false }
        bytes[offset] -= 1
        guard header.family == .v4 else { return true }
        let value = bytes.word(8)
        bytes.setWord(10, Checksum.updated(bytes.word(10), value &+ 0x0100, value))
        return true
    }

    /// Overwrites the timestamps option of a SYN with no-operations (RFC 7323 section 2), as some middleboxes do.
    package mutating func stripTimestamps() {
        guard summary.flow.transport == .tcp, summary.kind == .message, summary.flags.contains(.syn) else { return }
        let end = upperOffset + Int(bytes[upperOffset + 12] >> 4) * 4
        var offset = upperOffset + 20
        while offset < end, bytes[offset] != 0 {
            if bytes[offset] == 1 {
                offset += 1
                continue
            }
            guard offset + 1 < end else { return }
            let length = Int(bytes[offset + 1])
            guard length >= 2, offset + length <= end else { return }
            if bytes[offset] == 8 {
                for place in offset..<(offset + length) { replaceByte(at: place, by: 1) }
            }
            offset += length
        }
    }

    private mutating func replaceByte(at place: Int, by value: UInt8) {
        let aligned = place - (place - upperOffset) % 2
        var word = bytes.word(aligned)
        word = place == aligned ? word & 0x00FF | UInt16(value) << 8 : word & 0xFF00 | UInt16(value)
        replaceWord(at: aligned, by: word, checksumAt: upperOffset + 16)
    }
}
