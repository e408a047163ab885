import BodkinExercise
import BodkinNATLab
import Testing

/// A process that does not run for a while, as on a machine that sleeps: its kernel answers, nobody else does.
@Suite(
    "Suspension", .timeLimit(.minutes(2)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct SuspensionTests {
    /// The command beside the test bundle.
    private static let program: String = {
        let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
        return bundle.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/") + "/bodkin"
    }()

    /// What both scripts begin with: wait for a line in a file; sleep for 15 s where it is one's turn, long enough for the others to give all paths up.
    private static let prelude = """
        awaits() { for i in $(seq 400); do grep -qs "$1" $2 && return; sleep 0.05; done; echo "no $1 in $2"; exit 1; }
        naps() { [ "$sleeper" = $1 ] || return 0; sleep 1; kill -STOP $2; sleep 15; kill -CONT $2; }

        """

    @Test("a peer that was stopped for 15 s goes on with its connection by itself", arguments: ["listen", "connect"])
    func stopped(_ sleeper: String) async throws {
        try await withPeerLab(.pair(.portRestricted, .portRestricted, link: LinkParameters(delay: .milliseconds(10)), seed: 1)) { place in
            let variables = ["BODKIN_RENDEZVOUS": "\(place.url)", "bodkin": Self.program, "sleeper": sleeper]
            let folder = try await place.lab.host("server").run("sh", "-c", "printf %s $(mktemp -d)").output
            func script(_ text: String) -> [String] { ["sh", "-c", "cd \(folder)\n" + Self.prelude + text] }
            let listener = try place.lab.host("b").start(
                script(
                    """
                    $bodkin listen --once --exec cat --state-dir b --events json 2>listen.log & pid=$!
                    awaits '"connected"' listen.log; naps listen $pid; wait $pid; echo "status $?"
                    """), environment: variables)
            // The second line is written when everybody is awake again.
            let dialer = try place.lab.host("a").start(
                script(
                    """
                    awaits '"listening"' listen.log; id=$($bodkin id --state-dir b)
                    { echo ping; sleep 19; echo pong; } | $bodkin connect $id --state-dir a --events json 2>connect.log & pid=$!
                    awaits '"connected"' connect.log; naps connect $pid; wait $pid; echo "status $?"
                    """), environment: variables)
            let (near, far) = (await dialer.wait(), await listener.wait())
            let logs = try await place.lab.host("server").run("sh", "-c", "cat \(folder)/*.log; rm -rf \(folder)").output
            #expect(near.output == "ping\npong\nstatus 0\n", "\(near.output) \(logs)")
            #expect(far.output == "status 0\n", "\(far.output) \(logs)")
        }
    }
}
