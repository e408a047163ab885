import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinProtocols
import BodkinSystem
import BodkinTransport
import NIOCore
import Synchronization
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A peer goes on from another port where the system refuses the reserved one to one remote peer.
@Suite(
    "Port rotation", .serialized, .timeLimit(.minutes(1)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct PortRotationTests {
    @Test("a remote peer to whom the system refuses the reserved port is dialed from another one, and nobody else is concerned")
    func occupied() async throws {
        try await withPeerLab(.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(10)), seed: 1)) { place in
            let log = EventLog()
            let remote = try #require(IPAddress("203.0.113.13"))
            try await place.withPeer(in: "b", { $0.admission = .anyone }) { far in
                try await place.withPeer(in: "a", log: log, { $0.system = OccupiedSystem(towards: remote) }) { near in
                    try await far.registered()
                    try await near.registered()
                    try await eventually("the mapping") { !log.observed.isEmpty }
                    let before = log.observed
                    let report = try await near.connect(to: far.id).settled()
                    #expect(report.route == .direct, "\(report)")
                    #expect(log.observed == before)
                }
            }
        }
    }
}

/// The operating system, which refuses connections to one address from the first port that was listened on.
private final class OccupiedSystem: HostSystem {
    private let kernel = KernelSystem()
    private let remote: IPAddress
    private let first = Mutex<UInt16?>(nil)

    init(towards remote: IPAddress) { self.remote = remote }

    func listen(
        _ family: IPAddress.Family, port: UInt16, isShared: Bool, on eventLoop: any EventLoop, accept: NIOLoopBound<(any Channel) throws -> Void>
    ) -> EventLoopFuture<any Channel> {
        kernel.listen(family, port: port, isShared: isShared, on: eventLoop, accept: accept).map { channel in
            self.first.withLock { $0 = $0 ?? (channel.localAddress?.port).flatMap { UInt16(exactly: $0) } }
            return channel
        }
    }

    func connect(
        _ request: ConnectRequest, on eventLoop: any EventLoop, configure: NIOLoopBound<(any Channel) throws -> Void>
    ) -> EventLoopFuture<any Channel> {
        guard request.remote.address == remote, let local = request.local, local == first.withLock({ $0 }) else {
            return kernel.connect(request, on: eventLoop, configure: configure)
        }
        return eventLoop.makeFailedFuture(IOError(errnoCode: EADDRNOTAVAIL, reason: "connect"))
    }

    func interfaces() -> [NetworkInterface] { kernel.interfaces() }
    func defaultRoutes() -> [DefaultRoute] { kernel.defaultRoutes() }
    func assignedAddresses() -> Set<IPAddress>? { kernel.assignedAddresses() }
    func suspendedTime() -> Duration { kernel.suspendedTime() }
    func watch(on eventLoop: any EventLoop, onChange: @escaping (NetworkWatch.Change) -> Void) -> () -> Void {
        kernel.watch(on: eventLoop, onChange: onChange)
    }
}
