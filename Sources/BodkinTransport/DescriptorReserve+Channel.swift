import BodkinSystem
package import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension DescriptorReserve {
    /// Refuses a new socket that has one of the last descriptors, as the system would if it had none. A channel without a socket passes.
    /// - Throws: `IOError` with EMFILE.
    package static func check(_ channel: any Channel) throws {
        let isLast = try channel.pipeline.syncOperations.withUnsafeTransportIfAvailable { (socket: NIOBSDSocket.Handle) in contains(socket) }
        if isLast == true { throw IOError(errnoCode: EMFILE, reason: "socket") }
    }
}
