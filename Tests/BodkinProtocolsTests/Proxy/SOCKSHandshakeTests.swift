import Testing

@testable import BodkinProtocols

@Suite("SOCKS 5")
struct SOCKSHandshakeTests {
    private static let host = RendezvousURL.Host("s.example", 443)
    private static let request: [UInt8] = [5, 1, 0, 3, 9] + "s.example".utf8 + [1, 0xbb]

    /// What follows when the proxy's bytes come one by one: whatever is told besides waiting.
    private static func steps(_ bytes: [UInt8], _ credentials: ProxyURL.Credentials? = nil, to host: RendezvousURL.Host = host) -> [SOCKSHandshake
        .Step]
    {
        var handshake = SOCKSHandshake(to: host, credentials: credentials)
        return bytes.map { handshake.received([$0]) }.filter { $0 != .wait }
    }

    @Test("asks for a name, or an address of either family, and reads answers of every kind of address")
    func opens() {
        #expect(SOCKSHandshake(to: Self.host, credentials: nil).greeting == [5, 1, 0])
        let answers: [[UInt8]] = [
            [5, 0, 0, 1, 0, 0, 0, 0, 0, 0], [5, 0, 0, 3, 2, 65, 66, 1, 1], [5, 0, 0, 4] + [UInt8](repeating: 0, count: 18),
        ]
        for answer in answers { #expect(Self.steps([5, 0] + answer) == [.send(Self.request), .open(rest: [])]) }
        #expect(Self.steps([5, 0], to: .init("10.0.0.1", 80)) == [.send([5, 1, 0, 1, 10, 0, 0, 1, 0, 80])])
        #expect(Self.steps([5, 0], to: .init("::1", 80)) == [.send([5, 1, 0, 4] + [UInt8](repeating: 0, count: 15) + [1, 0, 80])])
    }

    @Test("what comes behind the answer belongs to the server")
    func rest() {
        var handshake = SOCKSHandshake(to: Self.host, credentials: nil)
        _ = handshake.received([5, 0])
        #expect(handshake.received([5, 0, 0, 1, 0, 0, 0, 0, 0, 0, 22, 3]) == .open(rest: [22, 3]))
    }

    @Test("gives user name and password where the proxy asks")
    func authenticates() {
        let credentials = ProxyURL.Credentials(user: "u", password: "pw")
        #expect(SOCKSHandshake(to: Self.host, credentials: credentials).greeting == [5, 2, 0, 2])
        let asked = SOCKSHandshake.Step.send([1, 1, 117, 2, 112, 119])
        #expect(Self.steps([5, 2, 1, 0], credentials) == [asked, .send(Self.request)])
        for status: UInt8 in 1...2 { #expect(Self.steps([5, 2, 1, status], credentials) == [asked, .refused(.credentialsRefused)]) }
        #expect(Self.steps([5, 0], credentials) == [.send(Self.request)])
    }

    @Test("a refusal ends it, in the proxy's words")
    func refused() {
        #expect(Self.steps([5, 0xff]) == [.refused(.credentialsMissing)])
        #expect(Self.steps([5, 2]) == [.refused(.credentialsMissing)])
        #expect(Self.steps(Array("HTTP/1.1 400".utf8)).first == .refused(.otherProtocol))
        #expect(Self.steps([5, 0, 5, 0, 0, 9, 0]).last == .refused(.otherProtocol))
        let codes: [UInt8: ProxyRefusal] = [
            1: .targetUnreachable("code 1"), 2: .forbidden, 3: .targetUnreachable("network unreachable"), 4: .targetUnreachable("host unreachable"),
            5: .targetUnreachable("connection refused"), 6: .targetUnreachable("no answer in time"), 7: .unexpected("code 7"),
            8: .targetUnreachable("code 8"),
        ]
        for (code, refusal) in codes { #expect(Self.steps([5, 0, 5, code]).last == .refused(refusal)) }
    }

    @Test("says of each status of HTTP what it means")
    func statuses() {
        #expect(ProxyRefusal(http: 407, schemes: ["Basic"], hasCredentials: false) == .credentialsMissing)
        #expect(ProxyRefusal(http: 401, schemes: ["basic"], hasCredentials: true) == .credentialsRefused)
        #expect(ProxyRefusal(http: 407, schemes: ["Negotiate", "NTLM"], hasCredentials: true) == .otherAuthentication)
        #expect(ProxyRefusal(http: 403, schemes: [], hasCredentials: true) == .forbidden)
        #expect(ProxyRefusal(http: 503, schemes: [], hasCredentials: true) == .targetUnreachable("status 503"))
        #expect(ProxyRefusal(http: 302, schemes: [], hasCredentials: true) == .unexpected("status 302"))
    }
}
