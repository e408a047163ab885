import BodkinCore
import BodkinProtocols
import BodkinTransport
import BodkinVirtualNetwork
import NIOCore
import NIOEmbedded

@testable import Bodkin

/// Lines that one end of a session says, and the other one echoes, in virtual time.
final class VirtualConversation {
    /// The longest time between two echoes since ``watch()``.
    private(set) var longest = Duration.zero
    private(set) var isWhole = true
    private(set) var error: (any Error)?
    private let network: VirtualNetwork
    private let writer: SessionDriver
    private let echo: SessionDriver
    private let interval: TimeAmount
    private var said: UInt32 = 0
    private var expected: UInt32 = 0
    private var heard = ByteBuffer()
    private var last: Instant?
    private var isOver = false

    init(from writer: SessionDriver, to echo: SessionDriver, every interval: TimeAmount, on network: VirtualNetwork) {
        (self.writer, self.echo, self.interval, self.network) = (writer, echo, interval, network)
        read(echo) { [unowned self] in write($0, by: echo) }
        read(writer) { [unowned self] in note($0) }
        say()
    }

    /// Pauses count from now on.
    func watch() { last = network.now }

    /// The longest pause, the present one among them.
    var pause: Duration { max(longest, last.map { network.now - $0 } ?? .zero) }

    func end() { isOver = true }

    private func say() {
        guard !isOver else { return }
        write(ByteBuffer(integer: said), by: writer)
        said += 1
        network.loop.assumeIsolated().scheduleTask(in: interval) { [weak self] in self?.say() }
    }

    private func write(_ bytes: ByteBuffer, by end: SessionDriver) {
        end.write(bytes, to: .initial, for: ObjectIdentifier(self)) { [weak self] in if case .failure(let error) = $0 { self?.error = error } }
    }

    private func read(_ end: SessionDriver, _ body: @escaping (ByteBuffer) -> Void) {
        end.read(.initial, limit: 4096, isJoined: true, for: ObjectIdentifier(end)) { [weak self] result in
            guard let self else { return }
            switch result {
            case .success(let bytes?):
                body(bytes)
                read(end, body)
            case .success(nil): break
            case .failure(let error): self.error = error
            }
        }
    }

    private func note(_ bytes: ByteBuffer) {
        heard.writeImmutableBuffer(bytes)
        while let number = heard.readInteger(as: UInt32.self) {
            isWhole = isWhole && number == expected
            expected = number + 1
            guard last != nil else { continue }
            longest = pause
            last = network.now
        }
    }
}
