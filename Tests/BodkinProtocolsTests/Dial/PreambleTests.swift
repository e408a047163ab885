import BodkinCore
import BodkinProtocols
import Testing

@Suite("The preamble of a connection that the called side opened")
struct PreambleTests {
    private static let example = AttemptID.random()

    @Test("four bytes of its own and the attempt, as docs/wire.md has it")
    func bytes() {
        #expect(Preamble.bytes(of: Self.example) == [0x42, 0x44, 0x4B, 0x01] + Self.example.bytes)
        #expect(Preamble.bytes(of: Self.example).count == Preamble.size)
    }

    @Test("it is read once it is whole, whatever follows", arguments: 0...25)
    func whole(_ count: Int) {
        let bytes = (Preamble.bytes(of: Self.example) + [0x16, 3, 1, 2, 0]).prefix(count)
        #expect(Preamble.read(bytes) == (count < Preamble.size ? .incomplete : .attempt(Self.example)))
    }

    @Test("TLS is known by its first byte", arguments: [0x14, 0x15, 0x16, 0x17] as [UInt8])
    func tls(_ first: UInt8) {
        #expect(Preamble.read([first]) == .tls)
        #expect(Preamble.read([first, 0x44, 0x4B]) == .tls)
    }

    /// What others say first on a port: HTTP, SSH, SMTP, STUN, a preamble of another version.
    static let greetings: [[UInt8]] = [
        Array("GET / HTTP/1.1\r\n".utf8), Array("SSH-2.0-OpenSSH_9.6\r\n".utf8), Array("220 mail".utf8), [0, 1, 0, 0], [0x13], [0x18], [0xFF],
        [0x42, 0x44, 0x4B, 0x02], [0x42, 0], Array("BDk".utf8),
    ]

    @Test("everything else is foreign, with the first byte that does not fit", arguments: greetings)
    func foreign(_ bytes: [UInt8]) { #expect(Preamble.read(bytes) == .foreign) }

    @Test("a wrong byte anywhere in the magic is seen at once", arguments: 0..<4)
    func wrong(_ index: Int) {
        var bytes = Preamble.bytes(of: Self.example)
        bytes[index] ^= 0x80
        #expect(Preamble.read(bytes.prefix(index + 1)) == .foreign)
        #expect(Preamble.read(bytes) == .foreign)
    }
}
