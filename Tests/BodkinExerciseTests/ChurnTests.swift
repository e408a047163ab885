import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import Testing

/// Containers start and end on a peer's host: bridges and veths come and go, which are no concern of the peer's.
@Suite(
    "Churn of interfaces", .timeLimit(.minutes(1)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct ChurnTests {
    /// A bridge with an address and a veth in it, five times a second for so many seconds.
    private static func churn(_ seconds: Int) -> String {
        """
        end=$(($(cut -d. -f1 /proc/uptime) + \(seconds))); count=0
        while [ $(cut -d. -f1 /proc/uptime) -lt $end ]; do
          ip link add br7 type bridge && ip address add 172.27.0.1/16 dev br7 && ip link set br7 up
          ip link add w0 type veth peer name w1 && ip link set w0 master br7 up && ip link set w1 up
          sleep 0.1; ip link del w0; ip link del br7; count=$((count + 1)); sleep 0.05
        done
        echo $count
        """
    }

    @Test("no path is lost, nothing is registered for it, and a symmetric pair becomes direct")
    func churn() async throws {
        let link = LinkParameters(delay: .milliseconds(10))
        try await withPeerLab(.pair(.symmetricSequential, .portRestricted, link: link, seed: 1)) { place in
            let log = EventLog()
            try await place.withPeer(in: "b", { $0.admission = .anyone }) { far in
                try await place.withPeer(in: "a", log: log) { near in
                    try await far.registered()
                    try await near.registered()
                    let before = log.registrationCount
                    let host = try place.lab.host("a")
                    async let churning = host.run("sh", "-c", Self.churn(8)).output
                    try await Task.sleep(for: .milliseconds(500))
                    // A predicted round may miss on a busy machine; what bridges spoil, they spoil every time.
                    var reports: [ConnectionReport] = []
                    repeat {
                        let connection = try await near.connect(to: far.id)
                        try await connection.write("hello".utf8)
                        reports.append(try await connection.settled())
                        if reports.last?.route != .direct { connection.abort() }
                    } while reports.last?.route != .direct && reports.count < 3
                    let count = Int(try await churning.filter(\.isNumber)) ?? 0
                    let registrations = log.registrationCount - before
                    print("\(count) bridges have come and gone: \(registrations) registrations, \(log.attempts.count) attempts, \(reports)")
                    #expect(count > 10, "nothing has come and gone")
                    #expect(reports.last?.route == .direct)
                    #expect(log.lostPaths.isEmpty && !log.hasLostServer)
                    // The allocator's pattern, once known, may be told; no bridge is.
                    #expect(registrations <= 2 && log.attempts.count <= 12 * reports.count)
                }
            }
        }
    }
}
