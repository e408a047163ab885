package import BodkinCore

/// Why a TURN server does not do what it is asked.
package enum TURNRefusal: Error, Hashable, Sendable {
    /// 300: another server is to be asked.
    case elsewhere(Endpoint?)
    /// 401, after the credentials were sent.
    case credentials
    /// An error whose number says what is wrong.
    case code(Int)
    /// It has not answered in time.
    case unanswered
    /// It has closed the connection, or the network has.
    case closed
    /// What it sends is no TURN, or is not signed.
    case malformed

    /// What an error response says.
    init(_ response: STUNMessage) {
        guard let error = try? response.attribute(STUNMessage.ErrorCode.self) else {
            self = .malformed
            return
        }
        switch error.number {
        case 300: self = .elsewhere((try? response.attribute(STUNMessage.AlternateServer.self))?.endpoint)
        case 401: self = .credentials
        default: self = .code(error.number)
        }
    }

    /// Whether another relay may do what this one does not; false where the fault is in the request, or at the remote host.
    package var isOfRelay: Bool {
        switch self {
        case .elsewhere, .credentials, .unanswered, .closed, .malformed: true
        case .code(let number): ![403, 443, 446, 447].contains(number)
        }
    }

    /// One line: what it is, and what to do.
    package var message: String {
        switch self {
        case .elsewhere(let server?): "The relay names another one, \(server), which is followed only over TLS. Give the peers that relay's address."
        case .elsewhere(nil): "The relay names no other one to be asked. Ask its operator."
        case .credentials:
            "The relay does not accept the credentials. Compare the secret and the clock of the relay with those of the rendezvous server."
        case .unanswered: "The relay did not answer in time. Check that it runs, and the network."
        case .closed: "The relay closed the connection. Check that it runs."
        case .malformed: "The relay sends something else than TURN, or does not sign it. Check its address and port."
        case .code(let number): Self.messages[number] ?? "The relay refused with error \(number). Ask its operator."
        }
    }

    private static let messages = [
        400: "The relay calls the request malformed. TCP is relayed only over TCP or TLS: check the transport of its address.",
        403: "The relay's rules forbid the remote address. Check its list of denied peers.",
        437: "The relay knows no such allocation, or has one already. It may have been restarted.",
        438: "The relay changes its nonce with each request. Ask its operator.",
        440: "The relay has no address of this family. Give it one, or use another relay.",
        441: "The relay's allocation belongs to another user. Open another connection.",
        442: "The relay does not relay TCP. Allow it there (RFC 6062), or use another relay.",
        443: "The remote address is of another family than the relayed one. Ask for an allocation of its family.",
        446: "The relay has a connection to the remote address already. Close it first.",
        447: "The relay could not connect to the remote address. Check that the remote peer is reachable from there.",
        486: "The relay's quota of allocations is used up. Try again later, or raise the quota there.",
        508: "The relay has no port or no memory left. Try again later, or give it more ports.",
    ]
}
