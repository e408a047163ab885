/// Why a proxy gives no tunnel.
package enum ProxyRefusal: Error, Hashable, Sendable {
    /// It wants a user name and a password.
    case credentialsMissing
    /// It does not accept them.
    case credentialsRefused
    /// It wants another authentication than Basic.
    case otherAuthentication
    /// Its rules do not allow the host or the port.
    case forbidden
    /// It cannot reach the host: what it answered.
    case targetUnreachable(String)
    /// It answered something else: a status of HTTP, or a code of SOCKS.
    case unexpected(String)
    /// It speaks another protocol.
    case otherProtocol
    /// It has closed the connection.
    case closed

    /// What a code of SOCKS 5 says (RFC 1928 section 6).
    package init(socks code: UInt8) {
        self =
            switch code {
            case 2: .forbidden
            case 3: .targetUnreachable("network unreachable")
            case 4: .targetUnreachable("host unreachable")
            case 5: .targetUnreachable("connection refused")
            case 6: .targetUnreachable("no answer in time")
            case 1, 8: .targetUnreachable("code \(code)")
            default: .unexpected("code \(code)")
            }
    }

    /// What a status of HTTP says, which is none of success.
    /// - Parameters:
    ///   - schemes: the schemes of authentication that it offers.
    ///   - hasCredentials: whether it was given some.
    package init(http status: UInt, schemes: [String], hasCredentials: Bool) {
        switch status {
        // Some proxies answer wrong credentials as a server would.
        case 401, 407:
            let offersBasic = schemes.isEmpty || schemes.contains { $0.lowercased() == "basic" }
            self = !offersBasic ? .otherAuthentication : hasCredentials ? .credentialsRefused : .credentialsMissing
        case 403: self = .forbidden
        case 500...599: self = .targetUnreachable("status \(status)")
        default: self = .unexpected("status \(status)")
        }
    }

    /// Whether no time mends it, but only another URL of the proxy.
    package var isAboutCredentials: Bool { [.credentialsMissing, .credentialsRefused, .otherAuthentication].contains(self) }

    /// One line: what the proxy says, and what to do.
    package func message(of proxy: ProxyURL, for target: RendezvousURL.Host) -> String {
        switch self {
        case .credentialsMissing: "The proxy \(proxy) requires a user name and a password. Put them into its URL: SCHEME://USER:PASSWORD@HOST:PORT."
        case .credentialsRefused: "The proxy \(proxy) does not accept the user name and the password. Check them in its URL."
        case .otherAuthentication: "The proxy \(proxy) does not offer Basic authentication, and Bodkin has no other. Use another proxy."
        case .forbidden: "The proxy \(proxy) does not allow connections to \(target). Ask its operator to allow them, or use a server on port 443."
        case .targetUnreachable(let answer): "The proxy \(proxy) cannot reach \(target) (\(answer)). Check the URL of the rendezvous server."
        case .unexpected(let answer): "The proxy \(proxy) refused the connection to \(target) (\(answer)). Check its URL, or log in to the network."
        case .otherProtocol: "\(proxy.host) is no proxy for \(proxy.scheme == .http ? "HTTP" : "SOCKS 5"). Check the URL of the proxy."
        case .closed: "The proxy \(proxy) closed the connection without an answer. Check its URL, or ask its operator."
        }
    }
}
