import BodkinCore
import BodkinProtocols
import NIOCore
import NIOPosix
import NIOSSL

/// What the certificates of a server say of it.
enum ServerJudgement: Sendable {
    /// The key is the URL's.
    case rightKey
    /// The certificate is of the kind that rendezvous servers make themselves, with another key: the URL names another server.
    case otherKey
    /// The certificate is of another kind, as those of proxies and portals are.
    case foreign
}

/// Says why a route came to nothing, and tells apart what time may mend from what it cannot.
extension RendezvousLink {
    /// What the proxy has to do with it; nil where that is nothing.
    private static func explanation(_ error: any Error, _ tunnel: ServerRoute.Tunnel) -> TransportError? {
        switch error {
        case let refusal as ProxyRefusal:
            TransportError(
                refusal.isAboutCredentials ? .proxyCredentials : .proxyRefused, refusal.message(of: tunnel.proxy, for: tunnel.target), cause: refusal)
        case is IOError, is ChannelError, is NIOConnectionError:
            TransportError(
                .serverUnreachable, "The proxy \(tunnel.proxy) cannot be reached (\(error.inPlainWords)). Check its URL and the network.",
                cause: error)
        default: nil
        }
    }

    static func explanation(_ error: any Error, _ route: ServerRoute, _ judgement: ServerJudgement?) -> TransportError {
        if let tunnel = route.tunnel, judgement == nil, let explanation = explanation(error, tunnel) { return explanation }
        let place = route.place
        switch (error, judgement) {
        case (let error as TransportError, _): return error
        case (_, .otherKey?):
            return TransportError(
                .serverImpostor, "\(place) is not the rendezvous server that the URL names. Get the current URL from the server's operator.",
                cause: error)
        case (_, .foreign?):
            return TransportError(
                .serverIntercepted,
                "\(place) shows a certificate that no rendezvous server has: a captive portal or an intercepting proxy answers in its place. "
                    + "Log in to the network, or use another one.", cause: error)
        case _ where TransportError.isEndOfHandshake(error):
            return TransportError(
                .serverRefused,
                "\(place) closed the connection during the handshake. Try again in a minute, because the server may be starting or full.",
                cause: error)
        case (is NIOSSLError, _), (is NIOSSLExtraError, _), (is BoringSSLError, _):
            return TransportError(
                .serverIntercepted,
                "\(place) answers, but is not the rendezvous server that the URL names: perhaps a captive portal or an intercepting proxy. "
                    + "Log in to the network, or check the URL.", cause: error)
        case (is IOError, _), (is ChannelError, _), (is NIOConnectionError, _):
            return TransportError(
                .serverUnreachable, "The rendezvous server \(place) cannot be reached (\(error.inPlainWords)). Check the network and the URL.",
                cause: error)
        default:
            return TransportError(
                .serverUnreachable, "The rendezvous server \(place) cannot be reached (\(error.inPlainWords)). Check the URL.", cause: error)
        }
    }
}

extension TransportError {
    /// How much an error tells of why no route works: what answers tells more than what is silent.
    var weight: Int {
        switch code {
        case .portInUse, .portForbidden, .serverUnreachable: 0
        case .serverRefused: 1
        case .serverIntercepted, .serverProtocol, .proxyRefused: 2
        case .serverImpostor, .proxyCredentials: 3
        }
    }
}
