import BodkinCore
import BodkinProtocols
import Testing

@Suite("Binding transactions of a client")
struct BindingTransactionTests {
    private let mapped = Endpoint(IPAddress(v4: 0xCB00_7109), 50_000)
    private let key: [UInt8] = Array("key".utf8)

    /// Polls whenever it is asked for, until the end.
    private func run(_ transaction: inout BindingTransaction) -> (sent: [Duration], end: Duration, BindingTransaction.Outcome) {
        var sent: [Duration] = []
        var now = Duration.zero
        for _ in 0..<100 {
            switch transaction.poll(at: now) {
            case .send(_, let next):
                sent.append(now)
                now = next
            case .wait(let next): now = next
            case .ended(let outcome): return (sent, now, outcome)
            }
        }
        return (sent, now, .timedOut)
    }

    @Test("requests go out at the times of section 6.2.1, and the end is after 39.5 s")
    func schedule() {
        var transaction = BindingTransaction(.bindingRequest())
        let (sent, end, outcome) = run(&transaction)
        #expect(sent == [0, 500, 1500, 3500, 7500, 15_500, 31_500].map { .milliseconds($0) })
        #expect(end == .milliseconds(39_500) && outcome == .timedOut)
    }

    @Test("another initial RTO scales it all; over TCP it is sent once")
    func configured() {
        var quick = BindingTransaction(.bindingRequest(), configuration: .unreliable(initialRTO: .milliseconds(100), requestCount: 3, lastFactor: 4))
        let (sent, end, _) = run(&quick)
        #expect(sent == [0, 100, 300].map { .milliseconds($0) } && end == .milliseconds(700))
        var reliable = BindingTransaction(.bindingRequest(), configuration: .reliable)
        let once = run(&reliable)
        #expect(once.sent == [.zero] && once.end == .milliseconds(39_500))
    }

    @Test("polling early sends nothing")
    func early() {
        var transaction = BindingTransaction(.bindingRequest())
        #expect(transaction.poll(at: .zero) == .send(transaction.request.bytes, pollAt: .milliseconds(500)))
        #expect(transaction.poll(at: .milliseconds(499)) == .wait(until: .milliseconds(500)))
    }

    @Test("its response ends it; others do not")
    func response() {
        var transaction = BindingTransaction(.bindingRequest())
        let response = STUNMessage.bindingSuccess(to: transaction.request, mapped: mapped)
        #expect(transaction.receive(response) == nil, "nothing has been asked yet")
        _ = transaction.poll(at: .zero)
        #expect(transaction.receive(.bindingSuccess(to: .bindingRequest(), mapped: mapped)) == nil)
        #expect(transaction.receive(transaction.request) == nil)
        #expect(transaction.receive(response) == .mapped(mapped, response))
        #expect(transaction.receive(response) == nil)
        #expect(transaction.poll(at: .seconds(1)) == .ended(.mapped(mapped, response)))
    }

    @Test("an error is reported, and what cannot be used is not taken for an address")
    func errors() throws {
        var refused = BindingTransaction(.bindingRequest())
        _ = refused.poll(at: .zero)
        let error = STUNMessage.error(.badRequest, to: refused.request)
        #expect(refused.receive(error) == .refused(.badRequest, error))
        var empty = BindingTransaction(.bindingRequest())
        _ = empty.poll(at: .zero)
        let nothing = STUNMessage(.success, .binding, transactionID: empty.request.transactionID)
        #expect(empty.receive(nothing) == .unusable(nothing))
        var strange = BindingTransaction(.bindingRequest())
        _ = strange.poll(at: .zero)
        var response = STUNMessage.bindingSuccess(to: strange.request, mapped: mapped)
        try response.append(STUNMessage.Padding(count: 1))
        #expect(strange.receive(response) == .unusable(response))
    }

    @Test("with a key, only a signed response counts; at the end the violation is told")
    func signed() throws {
        let request = STUNMessage.bindingRequest(credential: try STUNCredential(username: "peer", key: key))
        let unsigned = STUNMessage.bindingSuccess(to: request, mapped: mapped)
        var good = unsigned
        good.seal(key: key, [.sha256])
        var transaction = BindingTransaction(request, key: key)
        _ = transaction.poll(at: .zero)
        #expect(transaction.receive(unsigned) == nil)
        #expect(transaction.receive(good) == .mapped(mapped, good))
        var violated = BindingTransaction(request, key: key)
        _ = violated.poll(at: .zero)
        #expect(violated.receive(unsigned) == nil)
        #expect(run(&violated).2 == .integrityViolated(unsigned))
        var reliable = BindingTransaction(request, key: key, configuration: .reliable)
        _ = reliable.poll(at: .zero)
        #expect(reliable.receive(unsigned) == .integrityViolated(unsigned))
    }

    @Test("a response signed with a code that was not sent is not believed")
    func otherCode() throws {
        let request = STUNMessage.bindingRequest(credential: try STUNCredential(username: "peer", key: key), integrity: [.sha256])
        var transaction = BindingTransaction(request, key: key)
        _ = transaction.poll(at: .zero)
        var response = STUNMessage.bindingSuccess(to: request, mapped: mapped)
        response.seal(key: key, [.sha1])
        #expect(transaction.receive(response) == nil)
    }

    @Test(
        "with a key, a forged answer is never believed, over TCP and over UDP; over UDP the server's own is taken afterwards",
        arguments: ForgedAnswer.allCases, [true, false])
    func forged(_ forgery: ForgedAnswer, isReliable: Bool) throws {
        let request = STUNMessage.bindingRequest(credential: try STUNCredential(username: "peer", key: key))
        var transaction = BindingTransaction(request, key: key, configuration: isReliable ? .reliable : .unreliable())
        _ = transaction.poll(at: .zero)
        let outcome = transaction.receive(try STUNMessage(forgery.bytes(to: request, key: key)))
        if case .mapped(let endpoint, _)? = outcome { Issue.record("\(endpoint) was believed") }
        guard outcome == nil else { return }
        let genuine = try STUNMessage(ForgedAnswer.genuine(to: request, key: key, [.sha256]))
        #expect(transaction.receive(genuine) == .mapped(ForgedAnswer.seen, genuine))
    }
}
