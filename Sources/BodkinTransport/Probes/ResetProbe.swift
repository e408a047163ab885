import BodkinCore
import BodkinPrediction
import NIOCore

/// A probe of what an RST from outside deletes in the NAT. It uses local ports of its own, because the reserved port could lose its mapping.
enum ResetProbe {
    /// The timeout of each connection, answer and RST: the kernel repeats a lost segment three times in it (RFC 6298 section 2).
    private static let timeout = TimeAmount.seconds(2)

    /// Makes the server send RSTs, and compares the mappings before and after.
    /// - Returns: nil without a NAT, or if fewer than two STUN endpoints answer, because the probe connects from the same port to a second one.
    static func run(_ mapping: MappingProfile, _ allocation: AllocationProfile?, through gate: Gate, on eventLoop: any EventLoop) async
        -> ResetProfile?
    {
        let servers = mapping.samples.filter { $0.mapped != nil }.map(\.server)
        guard servers.count > 1, mapping.kind != .none else { return nil }
        // The probe does this twice, because a NAT with random ports may allocate one port twice.
        async let first = lone(servers, through: gate, on: eventLoop)
        async let second = lone(servers, through: gate, on: eventLoop)
        async let accompanied = accompanied(servers, through: gate, on: eventLoop)
        return ResetProfile(family: mapping.family, lone: await [first, second], accompanied: await accompanied, allocation: allocation)
    }

    /// Resets the only connection of a port, and opens the next one at once.
    private static func lone(_ servers: [Endpoint], through gate: Gate, on eventLoop: any EventLoop) async -> ResetProfile.Lone? {
        if let result = await reset(servers, through: gate, on: eventLoop) { return result }
        // A late or lost segment may have spoilt the first try.
        return await reset(servers, through: gate, on: eventLoop)
    }

    private static func reset(_ servers: [Endpoint], through gate: Gate, on eventLoop: any EventLoop) async -> ResetProfile.Lone? {
        guard let only = try? await STUNConnection.open(to: servers[0], within: timeout, through: gate, on: eventLoop) else { return nil }
        let port = only.localPort
        guard let before = await only.mapped(within: timeout), await only.provokeReset(within: timeout),
            let next = try? await STUNConnection.open(to: servers[1], from: port, within: timeout, through: gate, on: eventLoop)
        else {
            await only.close()
            return nil
        }
        let after = await next.mapped(within: timeout)
        await next.close()
        return after.map { ResetProfile.Lone(before: before, after: $0) }
    }

    /// Resets the second of a port's two connections, sends another request on the first one, and opens a third one.
    private static func accompanied(_ servers: [Endpoint], through gate: Gate, on eventLoop: any EventLoop) async -> ResetProfile.Accompanied? {
        var result: ResetProfile.Accompanied?
        for _ in 0..<2 where result?.after == nil {
            guard let first = try? await STUNConnection.open(to: servers[0], within: timeout, through: gate, on: eventLoop) else { continue }
            result = await reset(beside: first, servers[1], through: gate, on: eventLoop)
            await first.close()
        }
        return result
    }

    private static func reset(
        beside first: STUNConnection, _ server: Endpoint, through gate: Gate, on eventLoop: any EventLoop
    ) async -> ResetProfile.Accompanied? {
        let port = first.localPort
        guard let before = await first.mapped(within: timeout),
            let second = try? await STUNConnection.open(to: server, from: port, within: timeout, through: gate, on: eventLoop)
        else { return nil }
        guard await second.mapped(within: timeout) != nil, await second.provokeReset(within: timeout) else {
            await second.close()
            return nil
        }
        async let again = first.mapped(within: timeout)
        // The RST has ended the second connection at both ends, so its endpoints are free.
        let third = try? await STUNConnection.open(to: server, from: port, within: timeout, through: gate, on: eventLoop)
        let after = await third?.mapped(within: timeout)
        await third?.close()
        return ResetProfile.Accompanied(before: before, isAlive: await again == before, after: after)
    }
}
