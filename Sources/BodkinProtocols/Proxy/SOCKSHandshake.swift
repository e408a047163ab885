import BodkinCore

/// The client's part of SOCKS 5 (RFC 1928, RFC 1929): greeting, user name and password where the proxy wants them, and CONNECT to a name or an address.
///
/// ```swift
/// var handshake = SOCKSHandshake(to: host, credentials: nil)
/// send(handshake.greeting)
/// switch handshake.received(bytes) { … }
/// ```
package struct SOCKSHandshake: Sendable {
    /// What follows from the bytes that have come.
    package enum Step: Hashable, Sendable {
        /// More are to come.
        case wait
        /// Send these.
        case send([UInt8])
        /// The tunnel is there; these came behind the answer.
        case open(rest: [UInt8])
        /// There will be none.
        case refused(ProxyRefusal)
    }

    private enum State { case greeting, authentication, request, over }

    private let host: RendezvousURL.Host
    private let credentials: ProxyURL.Credentials?
    private var state = State.greeting
    private var unread: [UInt8] = []

    /// A handshake for a tunnel to a host.
    package init(to host: RendezvousURL.Host, credentials: ProxyURL.Credentials?) {
        self.host = host
        self.credentials = credentials
    }

    /// The first bytes: no authentication, and user name and password where there are any.
    package var greeting: [UInt8] { credentials == nil ? [5, 1, 0] : [5, 2, 0, 2] }

    /// The proxy has sent bytes.
    package mutating func received(_ bytes: some Sequence<UInt8>) -> Step {
        unread += bytes
        switch state {
        case .greeting: return greeted()
        case .authentication: return authenticated()
        case .request: return answered()
        case .over: return .wait
        }
    }

    private mutating func greeted() -> Step {
        guard unread.first.map({ $0 == 5 }) ?? true else { return refuse(.otherProtocol) }
        guard unread.count >= 2 else { return .wait }
        let method = unread[1]
        unread.removeFirst(2)
        switch (method, credentials) {
        case (0, _): return request()
        case (2, let credentials?):
            state = .authentication
            return .send([1] + Self.counted(credentials.user) + Self.counted(credentials.password))
        default: return refuse(credentials == nil ? .credentialsMissing : .credentialsRefused)
        }
    }

    private mutating func authenticated() -> Step {
        guard unread.count >= 2 else { return .wait }
        let status = unread[1]
        unread.removeFirst(2)
        return status == 0 ? request() : refuse(.credentialsRefused)
    }

    private mutating func request() -> Step {
        state = .request
        let place: [UInt8] =
            switch IPAddress(host.name) {
            case let address? where address.family == .v4: [1] + address.bytes
            case let address?: [4] + address.bytes
            case nil: [3] + Self.counted(host.name)
            }
        return .send([5, 1, 0] + place + [UInt8(host.port >> 8), UInt8(host.port & 0xff)])
    }

    /// An answer is as long as its type of address says, also where the proxy rejects.
    private mutating func answered() -> Step {
        guard unread.first.map({ $0 == 5 }) ?? true else { return refuse(.otherProtocol) }
        guard unread.count >= 2 else { return .wait }
        guard unread[1] == 0 else { return refuse(ProxyRefusal(socks: unread[1])) }
        guard unread.count >= 5 else { return .wait }
        let length: Int
        switch unread[3] {
        case 1: length = 10
        case 3: length = 7 + Int(unread[4])
        case 4: length = 22
        default: return refuse(.otherProtocol)
        }
        guard unread.count >= length else { return .wait }
        state = .over
        return .open(rest: Array(unread[length...]))
    }

    private mutating func refuse(_ refusal: ProxyRefusal) -> Step {
        state = .over
        return .refused(refusal)
    }

    /// A text behind its length, of which ``ProxyURL`` and ``RendezvousURL`` have no longer one.
    private static func counted(_ text: String) -> [UInt8] {
        let bytes = text.utf8.prefix(255)
        return [UInt8(bytes.count)] + bytes
    }
}
