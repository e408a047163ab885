import BodkinCore

extension RendezvousServer.Configuration {
    /// Whether the key's hash is in the URL.
    var isPinned: Bool {
        switch credentials {
        case .identity: true
        case .certificate(_, _, let isPinned): isPinned
        }
    }

    /// The token of the URL.
    var firstToken: JoinToken? {
        switch admission {
        case .tokens(let first, _): first
        case .open: nil
        }
    }
}

/// What is to be listened on, checked.
struct BindPlan {
    let addresses: [IPAddress]
    let port: UInt16
    let stunPort: UInt16
    let alternateSTUNPort: UInt16
    let secondAddress: IPAddress?
    /// The one of the addresses that the second one is second to.
    let primaryAddress: IPAddress?

    init(_ configuration: RendezvousServer.Configuration) throws {
        func refusal(_ message: String) -> ServerError { ServerError(.configuration, message) }
        guard (1...8).contains(configuration.hosts.count) else {
            throw refusal("the URL needs 1 to 8 hosts: name the server's public name or address")
        }
        addresses = configuration.bindAddresses
        guard !addresses.isEmpty else { throw refusal("there is no address to listen on: name one, or leave the default") }
        port = configuration.port
        stunPort = configuration.stunPort
        alternateSTUNPort = configuration.alternateSTUNPort ?? (stunPort == 0 ? 0 : stunPort &+ 1)
        guard alternateSTUNPort == 0 || alternateSTUNPort != stunPort, stunPort == 0 || alternateSTUNPort != 0 else {
            throw refusal("the alternate STUN port must be another one than the STUN port: choose one")
        }
        secondAddress = configuration.secondAddress
        let second = configuration.secondAddress
        primaryAddress = second.flatMap { second in configuration.bindAddresses.first { $0.family == second.family } }
        guard let second else { return }
        guard let primaryAddress, primaryAddress != .unspecified(second.family), primaryAddress != second else {
            throw refusal("a second address needs a first one: let the server listen on an address of the same family, not on all of them")
        }
    }

    /// Where STUN is answered.
    var stunAddresses: [IPAddress] { addresses + (secondAddress.map { [$0] } ?? []) }

    /// The other address for RFC 5780; nil where there is none.
    func other(than address: IPAddress) -> IPAddress? {
        guard let secondAddress, let primaryAddress else { return nil }
        return address == primaryAddress ? secondAddress : address == secondAddress ? primaryAddress : nil
    }
}
