#if os(Linux)
import BodkinEmulation
import CBodkinNATLab
import Glibc

/// The engine's own thread: waits for packets, the clock and commands, and moves packets on.
struct EngineLoop {
    static let wakeupTag = UInt64.max
    static let timerTag = UInt64.max - 1
    /// Packets taken from one device before the others have their turn.
    private static let batch = 64

    private var network: EmulatedNetwork
    private let tunnels: [(port: EmulatedNetwork.Port, tunnel: Descriptor)]
    private let descriptors: [EmulatedNetwork.Port: Int32]
    private let poller: Descriptor
    private let timer: Descriptor
    private let wakeup: Descriptor
    private var capture: CaptureFile?
    private var armedFor: LabInstant?
    private var events = [epoll_event](repeating: epoll_event(), count: 32)
    private var scratch = [UInt8](repeating: 0, count: 65_536)

    init(
        _ network: EmulatedNetwork, _ tunnels: [(port: EmulatedNetwork.Port, tunnel: Descriptor)], poller: Descriptor, timer: Descriptor,
        wakeup: Descriptor, capture: CaptureFile?
    ) {
        self.network = network
        self.network.isCapturing = capture != nil
        self.tunnels = tunnels
        descriptors = Dictionary(uniqueKeysWithValues: tunnels.map { ($0.port, $0.tunnel.raw) })
        self.poller = poller
        self.timer = timer
        self.wakeup = wakeup
        self.capture = capture
    }

    /// Does the commands, waits once and handles what came; false when there are no commands because the lab is over.
    mutating func turn(_ commands: [LabEngine.Command]?) -> Bool {
        guard let commands else {
            record()
            return false
        }
        for command in commands { command(&network, .now) }
        finish()
        let count = epoll_wait(poller.raw, &events, Int32(events.count), -1)
        for event in events.prefix(Int(max(count, 0))) {
            switch withUnsafePointer(to: event, { bodkin_epoll_tag($0) }) {
            case Self.wakeupTag: drain(wakeup)
            case Self.timerTag:
                drain(timer)
                armedFor = nil
            case let index where index < UInt64(tunnels.count): read(Int(index))
            default: break
            }
        }
        return true
    }

    private mutating func read(_ index: Int) {
        let tunnel = tunnels[index]
        for _ in 0..<Self.batch {
            let count = scratch.withUnsafeMutableBytes { Glibc.read(tunnel.tunnel.raw, $0.baseAddress, $0.count) }
            guard count > 0 else {
                // A device that was removed would be reported as readable for ever.
                if count < 0 && errno != EAGAIN && errno != EINTR { _ = bodkin_epoll_remove(poller.raw, tunnel.tunnel.raw) }
                return
            }
            guard let packet = Packet(Array(scratch[0..<count])) else {
                network.counters.malformed += 1
                continue
            }
            network.send(packet, from: tunnel.port, at: .now)
            if !network.deliveries.isEmpty { deliver() }
        }
    }

    /// Moves on what is due, hands it over, and sets the timer for what is not.
    private mutating func finish() {
        network.advance(to: .now)
        deliver()
        if capture != nil { record() }
        guard network.nextArrival != armedFor else { return }
        armedFor = network.nextArrival
        bodkin_timer_set(timer.raw, armedFor?.nanoseconds ?? 0)
    }

    private mutating func deliver() {
        for delivery in network.takeDeliveries() {
            guard let descriptor = descriptors[delivery.port] else { continue }
            _ = delivery.packet.bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        }
    }

    private mutating func record() {
        for (time, packet) in network.takeCaptured() { capture?.append(packet, at: time) }
        capture?.flush()
    }

    private func drain(_ descriptor: Descriptor) {
        var count: UInt64 = 0
        _ = Glibc.read(descriptor.raw, &count, 8)
    }
}
#endif
