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
        case .tokens(let tokens): tokens.entries.first?.token
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
            throw refusal("The URL needs 1 to 8 hosts. Give the server's public name or address.")
        }
        addresses = configuration.bindAddresses
        guard !addresses.isEmpty else { throw refusal("The configuration has no address to listen on. Give one, or keep the default.") }
        port = configuration.port
        stunPort = configuration.stunPort
        alternateSTUNPort = configuration.alternateSTUNPort ?? (stunPort == 0 ? 0 : stunPort &+ 1)
        guard alternateSTUNPort == 0 || alternateSTUNPort != stunPort, stunPort == 0 || alternateSTUNPort != 0 else {
            throw refusal("The alternate STUN port equals the STUN port. Choose another alternate port.")
        }
        secondAddress = configuration.secondAddress
        let second = configuration.secondAddress
        primaryAddress = second.flatMap { second in configuration.bindAddresses.first { $0.family == second.family } }
        guard let second else { return }
        guard let primaryAddress, primaryAddress != .unspecified(second.family), primaryAddress != second else {
            throw refusal("The second address needs a first one of the same family. Bind the server to that address, not to all addresses.")
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
