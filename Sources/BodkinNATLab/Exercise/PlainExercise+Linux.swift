#if os(Linux)
import BodkinCore
import BodkinEmulation
import CBodkinNATLab
import Glibc

extension PlainExercise {
    /// The ports of the server; the first is the one that even `only-443` lets out.
    static let serverPorts: [UInt16] = [443, 8443]
    static let localPort: UInt16 = 5000

    /// Runs the exercise in a lab with the hosts `a`, `b` and `server`.
    ///
    /// - Parameter patience: the timeout without an answer.
    /// - Throws: ``LabError`` where a host is missing or the system refuses a socket.
    package static func run(in lab: Lab, patience: Duration) async throws -> PlainExercise {
        let (a, b) = (try lab.host("a"), try lab.host("b"))
        let host = try lab.host("server")
        let server = Server(host: host, listeners: try await host.run { try serverPorts.map { try TCPSocket.listening(on: $0) } })
        // Every connection stays open until the end, so that the mapping of the first one lasts.
        var kept: [TCPSocket] = []
        var exercise = PlainExercise(
            a: try await begin(a, server, patience, &kept), b: try await begin(b, server, patience, &kept))
        let (sideA, sideB) = (exercise.a, exercise.b)
        async let refusedByA = strangers(server, towards: a, sideA, patience)
        async let refusedByB = strangers(server, towards: b, sideB, patience)
        (exercise.a, exercise.b) = (try await refusedByA, try await refusedByB)
        exercise.a.mapped.append(try await contact(a, server, 0, server.address(1), patience, &kept)?.description)
        exercise.b.mapped.append(try await contact(b, server, 0, server.address(1), patience, &kept)?.description)
        if let towardsA = exercise.a.mapped[0].flatMap({ Endpoint($0) }), let towardsB = exercise.b.mapped[0].flatMap({ Endpoint($0) }) {
            let start = LabInstant.now.advanced(by: .milliseconds(20))
            async let fromA = open(from: a, to: towardsB, at: start, patience)
            async let fromB = open(from: b, to: towardsA, at: start, patience)
            (exercise.a.simultaneousOpen, exercise.b.simultaneousOpen) = (try await fromA, try await fromB)
        }
        withExtendedLifetime(kept) {}
        return exercise
    }

    private struct Server: Sendable {
        let host: LabHost
        let listeners: [TCPSocket]
        func address(_ index: Int) -> IPAddress { host.specification.addresses[index] }
    }

    /// An ordinary client towards an ordinary server, by two ports of one address.
    private static func begin(_ host: LabHost, _ server: Server, _ patience: Duration, _ kept: inout [TCPSocket]) async throws -> Side {
        let nothing = Attempt(outcome: "not tried", milliseconds: 0)
        var side = Side(localPort: localPort, mapped: [], echoed: false, fromContact: nothing, fromStranger: nothing)
        side.mapped.append(try await contact(host, server, 0, server.address(0), patience, &kept)?.description)
        if side.mapped[0] != nil, let (client, peer) = kept.suffix(2).pair {
            try await host.run { _ = client.send(Array("hello".utf8)) }
            try await server.host.run { _ = peer.receive(patience).map { peer.send($0) } }
            side.echoed = try await host.run { client.receive(patience) == Array("hello".utf8) }
        }
        side.mapped.append(try await contact(host, server, 1, server.address(0), patience, &kept)?.description)
        return side
    }

    /// Connects to one endpoint of the server and returns what the server saw; nil when nothing came about.
    private static func contact(
        _ host: LabHost, _ server: Server, _ listener: Int, _ address: IPAddress, _ patience: Duration, _ kept: inout [TCPSocket]
    ) async throws -> Endpoint? {
        try Task.checkCancellation()
        let target = Endpoint(address, serverPorts[listener])
        let client = try await host.run { () throws -> TCPSocket? in
            let socket = try TCPSocket.connecting(from: localPort, to: target)
            return socket.waitForConnection(patience) == .connected ? socket : nil
        }
        guard let client, let peer = try await server.host.run({ server.listeners[listener].accept(patience) }) else { return nil }
        kept += [client, peer.socket]
        return peer.remote
    }

    /// SYNs that nobody asked for: from another port of a known address, and from an unknown address.
    private static func strangers(_ server: Server, towards host: LabHost, _ side: Side, _ patience: Duration) async throws -> Side {
        try Task.checkCancellation()
        guard let mapped = side.mapped[0].flatMap({ Endpoint($0) }) else { return side }
        var side = side
        let listener = try await host.run { try TCPSocket.listening(on: localPort) }
        let (contact, stranger) = (Endpoint(server.address(0), 9999), Endpoint(server.address(1), 9999))
        async let fromContact = server.host.run { try attempt(from: contact, to: mapped, patience) }
        async let fromStranger = server.host.run { try attempt(from: stranger, to: mapped, patience) }
        (side.fromContact, side.fromStranger) = (try await fromContact, try await fromStranger)
        withExtendedLifetime(listener) {}
        return side
    }

    private static func open(from host: LabHost, to remote: Endpoint, at start: LabInstant, _ patience: Duration) async throws -> Attempt {
        try await host.run {
            bodkin_wait_until(start.nanoseconds)
            return try attempt(from: Endpoint(.unspecified(.v4), localPort), to: remote, patience)
        }
    }

    private static func attempt(from local: Endpoint, to remote: Endpoint, _ patience: Duration) throws -> Attempt {
        let start = LabInstant.now
        let outcome = try TCPSocket.connecting(from: local, to: remote).waitForConnection(patience)
        let name =
            switch outcome {
            case .connected: "connected"
            case .timedOut: "silence"
            case .failed(ECONNREFUSED): "ECONNREFUSED"
            case .failed(let code): text(of: code)
            }
        return Attempt(outcome: name, milliseconds: LabInstant.now.since(start).milliseconds)
    }
}

extension ArraySlice {
    fileprivate var pair: (Element, Element)? { count == 2 ? (self[startIndex], self[startIndex + 1]) : nil }
}
#endif
