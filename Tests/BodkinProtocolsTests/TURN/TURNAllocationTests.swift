import BodkinCore
import Testing

@testable import BodkinProtocols

@Suite("A TURN allocation")
struct TURNAllocationTests {
    /// A server that signs, beside an allocation, in virtual time.
    struct Bench {
        static let credential = TURNCredential(username: "u", password: "p")
        static let relayed = Endpoint(IPAddress(v4: 0xC633_6401), 50_000)
        static let remote = IPAddress(v4: 0xCB00_7105)
        var allocation = TURNAllocation(.init(credential: credential, family: .v4))
        var now = Instant.start
        var sent: [STUNMessage] = []
        var told: [TURNAllocation.Action] = []
        var nonces = 0

        mutating func feed(_ input: TURNAllocation.Input) {
            allocation.handle(input, at: now)
            while let action = allocation.nextAction() { if case .send(let message) = action { sent.append(message) } else { told.append(action) } }
        }

        mutating func pass(_ time: Duration) {
            now = now + time
            feed(.timeout)
        }

        /// Answers the latest request.
        mutating func answer(_ attributes: [any STUNMessage.Attribute] = [], key: [UInt8]? = credential.key(in: "realm")) throws {
            let request = try #require(sent.last)
            var response = STUNMessage(.success, request.method, transactionID: request.transactionID)
            for attribute in attributes { try response.append(attribute) }
            response.seal(key: key, [.sha1])
            feed(.received(response))
        }

        mutating func refuse(_ number: Int, _ attributes: [any STUNMessage.Attribute] = []) throws {
            let request = try #require(sent.last)
            var response = STUNMessage.error(try .init(number, "No"), to: request)
            for attribute in attributes { try response.append(attribute) }
            response.seal()
            feed(.received(response))
        }

        mutating func challenge(_ number: Int = 401) throws {
            nonces += 1
            try refuse(number, [STUNMessage.Realm("realm"), STUNMessage.Nonce("nonce\(nonces)")])
        }

        mutating func allocate(lifetime: UInt32 = 600) throws {
            feed(.connected)
            try challenge()
            try answer([STUNMessage.XORRelayedAddress(Self.relayed), STUNMessage.Lifetime(lifetime)])
        }
    }

    @Test("is asked for without a signature first, and then with one that the server can check")
    func allocates() throws {
        var bench = Bench()
        bench.feed(.connected)
        let first = try #require(bench.sent.first)
        #expect(first.method == .allocate && !first.hasIntegrity)
        #expect(try first.attribute(STUNMessage.RequestedTransport.self) == .tcp)
        #expect(try first.attribute(STUNMessage.RequestedAddressFamily.self)?.family == .v4)
        try bench.challenge()
        let second = try STUNMessage(try #require(bench.sent.last).bytes)
        #expect(second.verifiedIntegrity(key: Bench.credential.key(in: "realm")) == .sha1)
        #expect(try second.attribute(STUNMessage.Nonce.self)?.text == "nonce1" && second.transactionID != first.transactionID)
        let mapped = Endpoint(IPAddress(v4: 0xCB00_7101), 1234)
        try bench.answer([STUNMessage.XORRelayedAddress(Bench.relayed), STUNMessage.XORMappedAddress(mapped), STUNMessage.Lifetime(600)])
        #expect(bench.told == [.allocated(Bench.relayed, mapped: mapped)])
    }

    @Test(
        "is refreshed a minute before its end, or at half of a short life, whatever the server says",
        arguments: [(600, 540), (100, 50), (0, 15), (.max, 3540)])
    func refreshes(_ lifetime: UInt32, _ seconds: Int) throws {
        var bench = Bench()
        try bench.allocate(lifetime: lifetime)
        #expect(bench.allocation.deadline == bench.now + .seconds(seconds))
        bench.pass(.seconds(seconds))
        #expect(bench.sent.last?.method == .refresh)
        try bench.answer([STUNMessage.Lifetime(lifetime)])
        #expect(bench.allocation.deadline == bench.now + .seconds(seconds))
        bench.pass(.seconds(seconds))
        try bench.refuse(437)
        #expect(bench.told.last == .ended(.code(437)) && bench.allocation.deadline == nil)
    }

    @Test("a permission is asked for anew before it ends, and forgotten where it is refused")
    func permits() throws {
        var bench = Bench()
        try bench.allocate()
        bench.feed(.permit(Bench.remote))
        try bench.answer()
        #expect(bench.told.last == .permitted(Bench.remote))
        let count = bench.sent.count
        bench.feed(.permit(Bench.remote))
        #expect(bench.sent.count == count)
        bench.pass(.seconds(225))
        #expect(bench.sent.count == count + 1 && bench.sent.last?.method == .createPermission)
        try bench.refuse(403)
        #expect(bench.told.last == .notPermitted(Bench.remote, .code(403)))
        bench.pass(.seconds(225))
        #expect(bench.sent.count == count + 1)
    }

    @Test("a connection attempt counts only from an address with a permission")
    func attempts() throws {
        var bench = Bench()
        try bench.allocate()
        let remote = Endpoint(Bench.remote, 5000)
        var attempt = STUNMessage(.indication, .connectionAttempt)
        try attempt.append(STUNMessage.ConnectionID(7))
        try attempt.append(STUNMessage.XORPeerAddress(remote))
        attempt.seal()
        bench.feed(.received(attempt))
        #expect(bench.told.count == 1)
        bench.feed(.permit(Bench.remote))
        bench.feed(.received(attempt))
        #expect(bench.told.last == .accepted(remote, .init(7)))
    }

    @Test("another nonce is taken, though not for ever; credentials that were sent are refused once")
    func challenges() throws {
        var bench = Bench()
        try bench.allocate()
        bench.feed(.connect(Endpoint(Bench.remote, 80)))
        for _ in 0..<3 { try bench.challenge(438) }
        #expect(try bench.sent.last?.attribute(STUNMessage.Nonce.self)?.text == "nonce4")
        try bench.challenge(438)
        #expect(bench.told.last == .notConnected(Endpoint(Bench.remote, 80), .code(438)))
        var wrong = Bench()
        wrong.feed(.connected)
        try wrong.challenge()
        try wrong.challenge()
        #expect(wrong.told == [.ended(.credentials)])
    }

    @Test("what is not signed with the credential is not believed, and nor is an address of another family")
    func forgeries() throws {
        for key in [nil, [1, 2, 3]] as [[UInt8]?] {
            var bench = Bench()
            bench.feed(.connected)
            try bench.challenge()
            try bench.answer([STUNMessage.XORRelayedAddress(Bench.relayed)], key: key)
            #expect(bench.told.isEmpty)
            bench.pass(.seconds(10))
            #expect(bench.told == [.ended(.unanswered)])
        }
        var other = Bench()
        other.feed(.connected)
        try other.challenge()
        try other.answer([STUNMessage.XORRelayedAddress(Endpoint(.unspecified(.v6), 5000))])
        #expect(other.told == [.ended(.malformed)])
    }

    @Test("a server that is silent, gone, or names another one ends it; what was asked for ends with it")
    func ends() throws {
        var silent = Bench()
        try silent.allocate()
        silent.feed(.connect(Endpoint(Bench.remote, 80)))
        silent.feed(.connect(Endpoint(Bench.remote, 81)))
        silent.pass(.seconds(39))
        #expect(silent.told.count == 1)
        silent.pass(.seconds(1))
        #expect(silent.told.suffix(2).allSatisfy { if case .notConnected(_, .unanswered) = $0 { true } else { false } })
        var gone = Bench()
        try gone.allocate()
        gone.feed(.connect(Endpoint(Bench.remote, 80)))
        gone.feed(.closed)
        #expect(gone.told.suffix(2) == [.notConnected(Endpoint(Bench.remote, 80), .closed), .ended(.closed)])
        gone.feed(.permit(Bench.remote))
        #expect(gone.told.count == 3)
        var elsewhere = Bench()
        elsewhere.feed(.connected)
        try elsewhere.refuse(300, [STUNMessage.AlternateServer(Bench.relayed)])
        #expect(elsewhere.told == [.ended(.elsewhere(Bench.relayed))])
    }

    @Test("is given back with a lifetime of zero")
    func releases() throws {
        var bench = Bench()
        try bench.allocate()
        bench.feed(.release)
        #expect(try bench.sent.last?.method == .refresh && bench.sent.last?.attribute(STUNMessage.Lifetime.self)?.seconds == 0)
        try bench.answer([STUNMessage.Lifetime(0)])
        #expect(bench.told.last == .ended(nil))
    }

    @Test("permissions and questions are bounded")
    func bounds() throws {
        var bench = Bench()
        try bench.allocate()
        for number in 0..<1_000 { bench.feed(.permit(IPAddress(v4: 0xCB00_0000 + UInt32(number)))) }
        for port in 1..<1_000 as Range<UInt16> { bench.feed(.connect(Endpoint(Bench.remote, port))) }
        #expect(bench.sent.count == 2 + 64)
        // The allocation is refreshed all the same.
        var full = Bench()
        try full.allocate()
        full.now = full.now + .seconds(535)
        for port in 1..<1_000 as Range<UInt16> { full.feed(.connect(Endpoint(Bench.remote, port))) }
        full.pass(.seconds(5))
        #expect(full.sent.last?.method == .refresh && !full.told.contains(.ended(.code(508))))
        #expect(bench.told.count { if case .notPermitted(_, .code(508)) = $0 { true } else { false } } == 1_000 - 64)
        #expect(bench.told.count { if case .notConnected(_, .code(508)) = $0 { true } else { false } } == 999)
    }

    @Test("a credential of the REST API is the one that coturn computes")
    func timeLimited() {
        let credential = TURNCredential.timeLimited(secret: Array("s3cret".utf8), name: "peer", until: 1_700_000_000)
        // printf 1700000000:peer | openssl dgst -sha1 -hmac s3cret -binary | base64
        #expect(credential.username == "1700000000:peer" && credential.password == "VsMYA6j9MVMlB801ZHvGtALHLAg=")
    }
}
