import BodkinCore
import BodkinPrediction
import NIOCore

/// Has RSTs come from outside, and looks at what is left of the mappings they came through. From ports of its own: the reserved one may lose its mapping by it.
enum ResetProbe {
    /// For each connection, answer and RST: a segment that is lost is repeated by the system three times in it (RFC 6298 section 2).
    private static let patience = TimeAmount.seconds(2)

    /// Nil where there is no NAT, or where fewer than two STUN endpoints answer: a second one is needed to come from the same port again.
    static func run(_ mapping: MappingProfile, _ allocation: AllocationProfile?, on eventLoop: any EventLoop) async -> ResetProfile? {
        let servers = mapping.samples.filter { $0.mapped != nil }.map(\.server)
        guard servers.count > 1, mapping.kind != .none else { return nil }
        // Twice, as a NAT that draws may draw the same number again.
        async let first = lone(servers, on: eventLoop)
        async let second = lone(servers, on: eventLoop)
        async let accompanied = accompanied(servers, on: eventLoop)
        return ResetProfile(family: mapping.family, lone: await [first, second], accompanied: await accompanied, allocation: allocation)
    }

    /// A port's only connection is reset, and the next one is opened at once.
    private static func lone(_ servers: [Endpoint], on eventLoop: any EventLoop) async -> ResetProfile.Lone? {
        if let result = await reset(servers, on: eventLoop) { return result }
        // What came too late, or was lost, may have brought it to nothing.
        return await reset(servers, on: eventLoop)
    }

    private static func reset(_ servers: [Endpoint], on eventLoop: any EventLoop) async -> ResetProfile.Lone? {
        guard let only = try? await STUNConnection.open(to: servers[0], within: patience, on: eventLoop) else { return nil }
        let port = only.localPort
        guard let before = await only.ask(within: patience), await only.provokeReset(within: patience),
            let next = try? await STUNConnection.open(to: servers[1], from: port, within: patience, on: eventLoop)
        else {
            await only.close()
            return nil
        }
        let after = await next.ask(within: patience)
        await next.close()
        return after.map { ResetProfile.Lone(before: before, after: $0) }
    }

    /// Of a port's two connections the second is reset; then the first one is asked again, and a third one opened.
    private static func accompanied(_ servers: [Endpoint], on eventLoop: any EventLoop) async -> ResetProfile.Accompanied? {
        var result: ResetProfile.Accompanied?
        for _ in 0..<2 where result?.after == nil {
            guard let first = try? await STUNConnection.open(to: servers[0], within: patience, on: eventLoop) else { continue }
            result = await reset(beside: first, servers[1], on: eventLoop)
            await first.close()
        }
        return result
    }

    private static func reset(
        beside first: STUNConnection, _ server: Endpoint, on eventLoop: any EventLoop
    ) async -> ResetProfile.Accompanied? {
        let port = first.localPort
        guard let before = await first.ask(within: patience),
            let second = try? await STUNConnection.open(to: server, from: port, within: patience, on: eventLoop)
        else { return nil }
        guard await second.ask(within: patience) != nil, await second.provokeReset(within: patience) else {
            await second.close()
            return nil
        }
        async let again = first.ask(within: patience)
        // To the same endpoint again: the RST has ended that connection at both ends.
        let third = try? await STUNConnection.open(to: server, from: port, within: patience, on: eventLoop)
        let after = await third?.ask(within: patience)
        await third?.close()
        return ResetProfile.Accompanied(before: before, isAlive: await again == before, after: after)
    }
}
