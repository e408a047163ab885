import BodkinCore
import BodkinProtocols
import Testing

@Suite("Answers to Binding requests")
struct BindingResponderTests {
    private let source = Endpoint(IPAddress(v4: 0xCB00_7109), 50_000)
    private let local = Endpoint(IPAddress(v4: 0xC000_0201), 3478)
    private let other = Endpoint(IPAddress(v4: 0xC000_0202), 3479)
    private let key: [UInt8] = Array("key".utf8)

    private func answer(
        _ message: STUNMessage, _ authentication: BindingResponder.Authentication = .ignored, other: Endpoint? = nil,
        over transport: BindingResponder.Transport = .udp
    ) -> BindingAnswer? {
        BindingResponder(authentication: authentication).answer(to: message, from: source, at: local, other: other, over: transport) {
            $0 == "peer" ? key : nil
        }
    }

    private func code(_ answer: BindingAnswer?) throws -> Int? { try answer?.response.attribute(STUNMessage.ErrorCode.self)?.number }

    private func signed(_ name: String = "peer", key: [UInt8]? = nil, integrity: Set<STUNMessage.Integrity> = [.sha1, .sha256]) throws -> STUNMessage
    {
        .bindingRequest(credential: try STUNCredential(username: name, key: key ?? self.key), integrity: integrity)
    }

    @Test("a request is told its source", arguments: [true, false])
    func success(fingerprint: Bool) throws {
        let request = STUNMessage.bindingRequest(fingerprint: fingerprint)
        let answer = try #require(self.answer(request))
        let response = try STUNMessage(answer.bytes)
        #expect(response.class == .success && response.transactionID == request.transactionID)
        #expect(try response.attribute(STUNMessage.XORMappedAddress.self)?.endpoint == source)
        #expect(answer.origin == local && answer.destination == source && answer.username == nil)
        #expect(response.contains(.fingerprint) == fingerprint)
        #expect(!response.contains(.otherAddress))
    }

    @Test("what is no Binding request is not answered", arguments: STUNMessage.Class.allCases)
    func silent(kind: STUNMessage.Class) throws {
        #expect((answer(STUNMessage(kind, .binding)) != nil) == (kind == .request))
        #expect(answer(STUNMessage(kind, try #require(STUNMessage.Method(rawValue: 3)))) == nil)
    }

    @Test(
        "credentials prove a name, and the response is signed with the code that was verified",
        arguments: [([.sha1], .sha1), ([.sha256], .sha256), ([.sha1, .sha256], .sha256)] as [(Set<STUNMessage.Integrity>, STUNMessage.Integrity)],
        [BindingResponder.Authentication.optional, .required])
    func proved(_ integrity: (sent: Set<STUNMessage.Integrity>, used: STUNMessage.Integrity), _ authentication: BindingResponder.Authentication)
        throws
    {
        let answer = try #require(self.answer(try signed(integrity: integrity.sent), authentication))
        #expect(answer.username == "peer")
        let response = try STUNMessage(answer.bytes)
        #expect(response.class == .success && response.verifiedIntegrity(key: key) == integrity.used)
        #expect(response.contains(.messageIntegrity) != response.contains(.messageIntegritySHA256))
        #expect(!response.contains(.username))
    }

    @Test("a stranger, a wrong key and a name without code are refused, unsigned, and prove nothing")
    func refused() throws {
        var unsigned = STUNMessage(.request, .binding)
        try unsigned.append(STUNMessage.Username("peer"))
        var nameless = STUNMessage(.request, .binding)
        nameless.seal(key: key, [.sha1])
        for (request, expected) in [(try signed("stranger"), 401), (try signed(key: [1]), 401), (unsigned, 400), (nameless, 400)] {
            for authentication in [BindingResponder.Authentication.optional, .required] {
                let answer = self.answer(request, authentication)
                #expect(try code(answer) == expected)
                #expect(answer?.username == nil && answer?.response.hasIntegrity == false && answer?.response.class == .error)
            }
            #expect(answer(request, .ignored)?.response.class == .success)
        }
    }

    @Test("without credentials: served where they are optional, 400 where they are required")
    func without() throws {
        #expect(answer(.bindingRequest(), .optional)?.response.class == .success)
        #expect(try code(answer(.bindingRequest(), .required)) == 400)
    }

    @Test("unknown required attributes are named in a 420, which is signed where the request was")
    func unknown() throws {
        let read = try STUNMessage(RFC5769.request)
        let answer = try #require(
            BindingResponder(authentication: .required).answer(to: read, from: source, at: local, over: .udp) {
                $0 == "evtj:h6vY" ? RFC5769.password : nil
            })
        #expect(try code(answer) == 420)
        #expect(try answer.response.attribute(STUNMessage.UnknownAttributes.self)?.types.map(\.rawValue) == [0x0024])
        #expect(answer.response.verifiedIntegrity(key: RFC5769.password) == .sha1)
    }

    @Test(
        "CHANGE-REQUEST chooses the socket (RFC 5780 section 6.1, table 1)",
        arguments: [
            (false, false, "192.0.2.1:3478"), (true, false, "192.0.2.2:3478"), (false, true, "192.0.2.1:3479"), (true, true, "192.0.2.2:3479"),
        ])
    func change(address: Bool, port: Bool, expected: String) throws {
        let request = try STUNMessage.bindingRequest(attributes: [STUNMessage.ChangeRequest(address: address, port: port)])
        let answer = try #require(self.answer(request, other: other))
        #expect(answer.origin.description == expected)
        #expect(try answer.response.attribute(STUNMessage.ResponseOrigin.self)?.endpoint == answer.origin)
        #expect(try answer.response.attribute(STUNMessage.OtherAddress.self)?.endpoint == other)
        #expect(try answer.response.attribute(STUNMessage.MappedAddress.self)?.endpoint == source)
    }

    @Test("what of RFC 5780 cannot be served is unknown")
    func unserved() throws {
        let change = try STUNMessage.bindingRequest(attributes: [STUNMessage.ChangeRequest(address: false, port: true)])
        #expect(try code(answer(change)) == 420)
        #expect(try code(answer(change, other: other, over: .tcp)) == 420)
        #expect(try code(answer(.bindingRequest(attributes: [STUNMessage.Padding(count: 100)]), other: other)) == 420)
        #expect(try code(answer(.bindingRequest(attributes: [STUNMessage.ResponsePort(1)]), over: .tcp)) == 420)
    }

    @Test("RESPONSE-PORT changes the port, never the address")
    func port() throws {
        let answer = try #require(self.answer(.bindingRequest(attributes: [STUNMessage.ResponsePort(4000)])))
        #expect(answer.destination == Endpoint(source.address, 4000))
        #expect(try answer.response.attribute(STUNMessage.XORMappedAddress.self)?.endpoint == source)
        #expect(try code(self.answer(.bindingRequest(attributes: [STUNMessage.ResponsePort(0)]))) == 400)
    }
}
