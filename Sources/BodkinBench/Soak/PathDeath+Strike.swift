import BodkinCore
import BodkinExercise
import BodkinNATLab

extension PathDeath {
    /// Makes it happen in a lab with a host `a` that has two interfaces, a host `b`, and our server.
    func strike(_ place: PeerLab) async throws {
        let lab = place.lab
        for fault in faults { try await lab.apply(fault) }
        switch self {
        case .rebootNear, .rebootFar, .silenceUp, .silenceDown, .addressNear, .addressFar: break
        case .reset: try await Self.reset(lab)
        case .interface: try await Self.changeInterface(of: lab.host("a"))
        case .server:
            async let restarted: Void = place.restartServer(after: .milliseconds(200))
            try await Self.reset(lab)
            try await restarted
        }
    }

    /// Each fault hits the connection of the next segment: several hit several.
    private static func reset(_ lab: Lab) async throws {
        for _ in 0..<4 {
            for way in waysOut { try await lab.apply(.reset(way)) }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Takes the preferred address away for two seconds, with all its routes, and gives it back.
    private static func changeInterface(of host: LabHost) async throws {
        let script = """
            address=$(ip -4 -o address show dev eth0 | awk '{print $4}'); routes=$(ip route show dev eth0 | tac)
            ip address del $address dev eth0; sleep 2; ip address add $address dev eth0
            echo "$routes" | while read route; do ip route add $route dev eth0 2>/dev/null; done
            """
        _ = try await host.run("sh", "-c", script)
    }
}
