import BodkinCore

extension BindingResponder {
    /// How a request came in, and which ways there are to send its response (RFC 5780 section 6.1, table 1).
    struct Route {
        let source: Endpoint
        let local: Endpoint
        let other: Endpoint?
        let transport: Transport

        /// The attributes of RFC 5780 that can be met here; the others are unknown ones.
        var understood: Set<STUNMessage.AttributeType> {
            guard transport == .udp else { return [] }
            return other == nil ? [.responsePort] : [.responsePort, .changeRequest]
        }

        /// Where the response is sent from, and where to.
        func endpoints(for message: STUNMessage) throws(STUNError) -> (origin: Endpoint, destination: Endpoint) {
            var origin = local
            var destination = source
            if let other, let change = try message.attribute(STUNMessage.ChangeRequest.self) {
                if change.address { origin.address = other.address }
                if change.port { origin.port = other.port }
            }
            if let port = try message.attribute(STUNMessage.ResponsePort.self)?.port {
                guard port != 0 else { throw STUNMessage.ResponsePort.malformed("port 0 takes no datagrams") }
                destination.port = port
            }
            return (origin, destination)
        }
    }
}
