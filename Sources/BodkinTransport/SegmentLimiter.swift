import BodkinCore
import BodkinProtocols
import NIOCore

/// The driver of ``SegmentSizing``: reads what the system knows of silent connections, and limits the segments of further ones. Confined to its event loop.
final class SegmentLimiter {
    private var machine = SegmentSizing()
    private var listeners: [ObjectIdentifier: any Channel] = [:]

    /// A connection has fallen silent, and is about to be given up.
    func fellSilent(_ channel: any Channel) {
        guard let silence = Transmission(channel)?.inSilence else { return }
        machine.fellSilent(silence)
        apply()
    }

    func networkChanged() {
        guard machine.limit != nil else { return }
        machine.networkChanged()
        apply()
    }

    /// Limits the segments of a connection that is about to be made.
    func limit(_ channel: any Channel) { if let limit = machine.limit { Self.set(limit, of: channel) } }

    /// Limits the segments of the connections that a listener accepts, now and later.
    func add(_ listener: any Channel) {
        let id = ObjectIdentifier(listener)
        listeners[id] = listener
        listener.closeFuture.assumeIsolated().whenComplete { [weak self] _ in self?.listeners[id] = nil }
        limit(listener)
    }

    /// Linux takes 0 for no limit.
    private func apply() { for listener in listeners.values { Self.set(machine.limit ?? 0, of: listener) } }

    private static func set(_ limit: Int, of channel: any Channel) {
        channel.setOption(ChannelOptions.Types.SocketOption.segmentLimit, value: limit).whenComplete { _ in }
    }
}
