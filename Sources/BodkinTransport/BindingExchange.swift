package import BodkinCore
package import BodkinProtocols
package import NIOCore

/// The driver of one ``BindingTransaction`` on an event loop: it sends when the machine says so, and hands in what comes.
///
/// ```swift
/// let exchange = BindingExchange(configuration: .reliable(within: .seconds(3)), on: eventLoop)
/// exchange.start { channel.writeAndFlush(ByteBuffer(bytes: $0), promise: nil) }
/// ```
/// Confined to its event loop.
package final class BindingExchange {
    /// A response that is no success.
    package struct Refusal: Error {
        /// How the transaction has ended.
        package let outcome: BindingTransaction.Outcome
    }

    /// What comes of it: the response, ``Refusal``, or `ChannelError.connectTimeout` where none came in time.
    package var response: EventLoopFuture<BindingResponse> { promise.futureResult }
    /// By what a response is recognized.
    package let transactionID: STUNMessage.TransactionID

    private var transaction: BindingTransaction
    private let eventLoop: any EventLoop
    private let promise: EventLoopPromise<BindingResponse>
    private var send: (([UInt8]) -> Void)?
    private var begin: NIODeadline
    private var timer: OneShot?

    /// A transaction that has sent nothing yet.
    package init(
        _ request: STUNMessage = .bindingRequest(), configuration: BindingTransaction.Configuration, on eventLoop: any EventLoop
    ) {
        transaction = BindingTransaction(request, configuration: configuration)
        transactionID = request.transactionID
        self.eventLoop = eventLoop
        promise = eventLoop.makePromise()
        begin = eventLoop.now
    }

    /// Begins; `send` is given each request that is to go out.
    package func start(send: @escaping ([UInt8]) -> Void) {
        begin = eventLoop.now
        self.send = send
        poll()
    }

    /// A message has come. `complete` adds what the connection or the datagram tells.
    package func receive(_ message: STUNMessage, complete: (inout BindingResponse) -> Void) {
        guard let outcome = transaction.receive(message) else { return }
        end(outcome, complete)
    }

    /// Nothing will come any more.
    package func fail(_ error: any Error) {
        timer?.cancel()
        promise.fail(error)
    }

    private func poll() {
        switch transaction.poll(at: .nanoseconds((eventLoop.now - begin).nanoseconds)) {
        case .send(let bytes, let next):
            send?(bytes)
            wait(until: next)
        case .wait(let next): wait(until: next)
        case .ended(let outcome): end(outcome) { _ in }
        }
    }

    private func wait(until time: Duration) {
        timer?.cancel()
        // Kept alive by its timer until it has ended.
        timer = OneShot(on: eventLoop, at: begin + TimeAmount(time)) { self.poll() }
    }

    private func end(_ outcome: BindingTransaction.Outcome, _ complete: (inout BindingResponse) -> Void) {
        timer?.cancel()
        switch outcome {
        case .mapped(let endpoint, let message):
            var response = BindingResponse(mapped: endpoint, message)
            (response.asked, response.answered) = (begin, eventLoop.now)
            complete(&response)
            promise.succeed(response)
        case .timedOut: promise.fail(ChannelError.connectTimeout(eventLoop.now - begin))
        case .refused, .unusable, .integrityViolated: promise.fail(Refusal(outcome: outcome))
        }
    }
}

extension BindingTransaction.Configuration {
    /// Over TCP: one request, whose response is waited for as long as the caller has time.
    package static func reliable(within patience: TimeAmount) -> Self {
        var configuration = reliable
        configuration.lastWait = .nanoseconds(patience.nanoseconds)
        return configuration
    }

    /// Over UDP: RFC 8489 section 6.2.1 with an RTO of 300 ms and at most four requests, because a check should not take half a minute to find UDP blocked.
    /// - Parameter isRepeated: whether to send more than one request.
    package static func unreliable(within patience: TimeAmount, isRepeated: Bool = true) -> Self {
        let (rto, patience) = (Duration.milliseconds(300), Duration.nanoseconds(patience.nanoseconds))
        var (count, last) = (1, Duration.zero)
        while isRepeated, count < 4, last + rto * (1 << (count - 1)) < patience {
            last += rto * (1 << (count - 1))
            count += 1
        }
        var configuration = unreliable(initialRTO: rto, requestCount: count, lastFactor: 1)
        configuration.lastWait = patience - last
        return configuration
    }
}

/// What a STUN server has answered.
package struct BindingResponse: Sendable {
    /// The endpoint that the request came from, here.
    package var local: Endpoint?
    /// The endpoint that it came from, as the server sees it.
    package var mapped: Endpoint
    /// The server's second address and port.
    package var other: Endpoint?
    /// When the request was begun: over TCP, when the SYN was sent.
    package var asked = NIODeadline.distantPast
    /// When the response came.
    package var answered = NIODeadline.distantPast
    /// The endpoint that the response came from, over UDP: CHANGE-REQUEST may have it come from elsewhere (RFC 5780 section 7.2).
    package var source: Endpoint?
    /// The connection that it came over; nil for UDP.
    var connection: (any Channel)?

    init(mapped: Endpoint, _ message: STUNMessage) {
        self.mapped = mapped
        other = (try? message.attribute(STUNMessage.OtherAddress.self))?.endpoint
    }
}
