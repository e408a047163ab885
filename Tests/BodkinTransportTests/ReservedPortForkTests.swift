import BodkinCore
import BodkinProtocols
import BodkinTransport
import NIOCore
import NIOPosix
import Synchronization
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

@Suite("A reserved port in a program that starts others", .timeLimit(.minutes(1)))
struct ReservedPortForkTests {
    /// A system in which a child of the process still has the socket that was closed just now, as between fork and exec.
    private final class ForkingSystem: HostSystem {
        private let system = KernelSystem()
        private let copies: Mutex<Int>

        /// - Parameter copies: how often a port is in use that was free before.
        init(copies: Int) { self.copies = Mutex(copies) }

        func listen(
            _ family: IPAddress.Family, port: UInt16, isShared: Bool, on eventLoop: any EventLoop, accept: NIOLoopBound<(any Channel) throws -> Void>
        ) -> EventLoopFuture<any Channel> {
            let isHeld = copies.withLock { copies in
                guard isShared, copies > 0 else { return false }
                copies -= 1
                return true
            }
            if isHeld { return eventLoop.makeFailedFuture(IOError(errnoCode: EADDRINUSE, reason: "bind")) }
            return system.listen(family, port: port, isShared: isShared, on: eventLoop, accept: accept)
        }

        func connect(
            _ request: ConnectRequest, on eventLoop: any EventLoop, configure: NIOLoopBound<(any Channel) throws -> Void>
        ) -> EventLoopFuture<any Channel> { system.connect(request, on: eventLoop, configure: configure) }

        func interfaces() -> [NetworkInterface] { system.interfaces() }
        func defaultRoutes() -> [DefaultRoute] { system.defaultRoutes() }
        func assignedAddresses() -> Set<IPAddress>? { system.assignedAddresses() }
        func suspendedTime() -> Duration { system.suspendedTime() }
        func watch(on eventLoop: any EventLoop, onChange: @escaping (NetworkWatch.Change) -> Void) -> () -> Void {
            system.watch(on: eventLoop, onChange: onChange)
        }
    }

    @Test(
        "is had although a child holds a copy of its first socket for a moment, and refused where somebody holds it for good", arguments: [5, .max])
    func forks(_ copies: Int) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let gate = Gate(before: ForkingSystem(copies: copies), on: loop)
        let number = UInt16.random(in: 10_000..<20_000)
        let opening = loop.flatSubmit { ReservedPort.open(number, through: gate, on: loop) { _ in } }
        if copies == .max {
            await #expect { _ = try await opening.get() } throws: { ($0 as? TransportError)?.code == .portInUse }
        } else {
            let port = try await opening.get()
            try await loop.submit {
                #expect(port.value.number == number)
                port.value.close()
            }.get()
        }
    }
}
