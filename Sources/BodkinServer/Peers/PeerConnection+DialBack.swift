import BodkinBroker
import BodkinCore
import BodkinProtocols
import BodkinSystem
import BodkinTransport
import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Connecting back to a peer, so that it learns what its NAT lets in (RFC 5780 section 4.4, for TCP).
extension PeerConnection {
    /// One SYN, and the one that the system repeats after a second.
    private static var patience: TimeAmount { .milliseconds(2200) }

    /// Connects to each target from every address of the server's, from ports that the peer has never sent to, and tells what became of it. A connection that
    /// comes up is closed at once, without a byte.
    func dialBack(_ targets: [DialBackTarget]) {
        guard let context else { return }
        let loop = context.eventLoop
        let dials = targets.flatMap { target -> [EventLoopFuture<WireDialedBack.Result>] in
            guard let arrival = target.arrival else { return [] }
            let other = shared.otherAddress(arrival)
            return [Self.dial(target.endpoint, from: arrival, isOther: false, on: loop)]
                + (other.map { [Self.dial(target.endpoint, from: $0, isOther: true, on: loop)] } ?? [])
        }
        EventLoopFuture.whenAllSucceed(dials, on: loop).assumeIsolated().whenSuccess { [weak self] results in
            var answer = WireDialedBack()
            answer.results = results
            if case .open? = self?.phase { self?.send(.dialedBack(answer)) }
        }
    }

    private static func dial(_ target: Endpoint, from address: IPAddress, isOther: Bool, on loop: any EventLoop) -> EventLoopFuture<
        WireDialedBack.Result
    > {
        var result = WireDialedBack.Result()
        result.target = WireTransportAddress(target)
        result.otherAddress = isOther
        let connecting = loop.makeCompletedFuture { (try Endpoint(address, 0).socketAddress(), try target.socketAddress()) }
            .flatMap { local, remote in
                ClientBootstrap(group: loop).connectTimeout(patience).bind(to: local)
                    .channelInitializer { channel in loop.makeCompletedFuture { try DescriptorReserve.check(channel) } }
                    .connect(to: remote)
            }
        return connecting.map { channel in
            // In good order: of an RST some NATs take the mapping away that it came through.
            channel.close(promise: nil)
            return WireDialedBack.Outcome.connected
        }.flatMapErrorThrowing { Self.outcome(of: $0) }.map { [result] outcome in
            var result = result
            result.outcome = outcome
            return result
        }
    }

    private static func outcome(of error: any Error) -> WireDialedBack.Outcome {
        if case .connectTimeout? = error as? ChannelError { return .silent }
        let code = (error as? IOError)?.errnoCode ?? ((error as? NIOConnectionError)?.connectionErrors.first?.error as? IOError)?.errnoCode
        return switch code {
        case ECONNREFUSED: .refused
        case EHOSTUNREACH, ENETUNREACH, ENOPROTOOPT, EACCES: .unreachable
        case ETIMEDOUT: .silent
        default: .unknown
        }
    }
}
