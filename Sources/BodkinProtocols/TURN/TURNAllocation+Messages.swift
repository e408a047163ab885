import BodkinCore

/// The messages of an allocation, both ways.
extension TURNAllocation {
    mutating func ask(_ request: Request, challenges: Int = 0, at now: Instant) {
        guard pending.count < Self.limit || request.isVital, let message = try? message(of: request) else { return refused(request, .code(508)) }
        let patience = if case .connect = request { Self.connectPatience } else { Self.patience }
        pending[message.transactionID] = Pending(request: request, isSigned: challenge != nil, deadline: now + patience, challenges: challenges)
        actions.append(.send(message))
    }

    private func message(of request: Request) throws -> STUNMessage {
        let (method, attributes): (STUNMessage.Method, [any STUNMessage.Attribute]) =
            switch request {
            case .allocate:
                (
                    .allocate,
                    [
                        configuration.transport, STUNMessage.RequestedAddressFamily(configuration.family),
                        STUNMessage.Lifetime(Self.seconds(configuration.lifetime)),
                    ]
                )
            case .refresh: (.refresh, [STUNMessage.Lifetime(Self.seconds(configuration.lifetime))])
            case .release: (.refresh, [STUNMessage.Lifetime(0)])
            case .permit(let address): (.createPermission, [STUNMessage.XORPeerAddress(Endpoint(address, 0))])
            case .connect(let endpoint): (.connect, [STUNMessage.XORPeerAddress(endpoint)])
            }
        return try .request(method, attributes, as: configuration.credential, challenge)
    }

    mutating func received(_ message: STUNMessage, at now: Instant) {
        switch message.class {
        case .indication: attempted(message)
        case .request: break
        case .success, .error:
            guard let asked = pending[message.transactionID] else { return }
            if message.class == .error { return failed(asked, message, at: now) }
            // What is not signed is from somebody else: the server's own answer may still come.
            let unknown = message.unknownRequired(besides: STUNMessage.AttributeType.understoodByTURN)
            guard message.isSigned(as: configuration.credential, challenge), unknown.isEmpty else { return }
            pending[message.transactionID] = nil
            succeeded(asked.request, message, at: now)
        }
    }

    private mutating func failed(_ asked: Pending, _ message: STUNMessage, at now: Instant) {
        pending[message.transactionID] = nil
        do {
            challenge = try TURNChallenge.after(message, isSigned: asked.isSigned, count: asked.challenges)
            ask(asked.request, challenges: asked.challenges + 1, at: now)
        } catch {
            refused(asked.request, error)
        }
    }

    private mutating func succeeded(_ request: Request, _ message: STUNMessage, at now: Instant) {
        switch request {
        case .allocate:
            guard let relayed = (try? message.attribute(STUNMessage.XORRelayedAddress.self))?.endpoint, relayed.port > 0,
                relayed.address.family == configuration.family
            else { return end(.malformed) }
            state = .allocated
            refreshLater(message, at: now)
            actions.append(.allocated(relayed, mapped: (try? message.attribute(STUNMessage.XORMappedAddress.self))?.endpoint))
        case .refresh: refreshLater(message, at: now)
        case .release: end(nil)
        case .permit(let address): actions.append(.permitted(address))
        case .connect(let endpoint):
            guard let id = try? message.attribute(STUNMessage.ConnectionID.self) else { return actions.append(.notConnected(endpoint, .malformed)) }
            actions.append(.connected(endpoint, id))
        }
    }

    /// A minute before the end, or at half of a short life.
    private mutating func refreshLater(_ message: STUNMessage, at now: Instant) {
        let told = (try? message.attribute(STUNMessage.Lifetime.self)).map { Duration.seconds(Int64($0.seconds)) } ?? configuration.lifetime
        let lifetime = min(max(told, Self.lifetimes.lowerBound), Self.lifetimes.upperBound)
        refreshAt = now + max(lifetime - .seconds(60), lifetime / 2)
    }

    /// A remote host has connected. The indication is not signed, and the connection to the server is the proof: so is its address, which has a permission.
    private mutating func attempted(_ message: STUNMessage) {
        guard state == .allocated, message.method == .connectionAttempt, let id = try? message.attribute(STUNMessage.ConnectionID.self),
            let remote = (try? message.attribute(STUNMessage.XORPeerAddress.self))?.endpoint, permissions[remote.address] != nil
        else { return }
        actions.append(.accepted(remote, id))
    }

    private static func seconds(_ duration: Duration) -> UInt32 { UInt32(clamping: duration.components.seconds) }
}
