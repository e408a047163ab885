import Testing

#if os(Linux)
/// A server that may have few descriptors: strangers cannot take those that its peers need.
@Suite("A server with few descriptors", .serialized)
struct FewDescriptorTests {
    /// `hold` opens connections to both ports and keeps them.
    private static func prelude(_ limit: Int) -> String {
        """
        (ulimit -n \(limit); exec '\(Script.program)' server --host 127.0.0.1 --port 0 --stun-port 0 --state-dir server --verbose >url 2>server.log) & server=$!
        await bodkin:// url; export BODKIN_RENDEZVOUS=$(head -1 url); stun=${BODKIN_RENDEZVOUS##*stun=}
        port=${BODKIN_RENDEZVOUS#*127.0.0.1:}; port=${port%%/*}
        hold() { for i in $(seq $1); do exec {fd}<>/dev/tcp/127.0.0.1/$port; exec {fd}<>/dev/tcp/127.0.0.1/$stun; done; }
        ticks() { awk '{ print $14 + $15 }' /proc/$server/stat; }

        """
    }

    @Test(
        "serves a pair while strangers hold and make all connections that they can, rests when they rest, and says at most once that it has no room",
        arguments: [64, 100, 256])
    func strangers(_ limit: Int) async throws {
        let output = try await Script.run(
            """
            \(Self.prelude(limit))
            (
                ulimit -Sn $(ulimit -Hn); hold \(limit); before=$(ticks); sleep 1; echo $(($(ticks) - before < 20)) >rest
                until [ -e over ]; do hold 1; sleep 0.1; done
            ) 2>/dev/null & strangers=$!
            await 1 rest; listening --exec cat; echo served | bodkin connect $id --state-dir dialer 2>connect.log || cat connect.log
            echo over >over; wait $strangers; [ $(ls /proc/$server/fd | wc -l) -lt \(limit) ] && echo few
            [ $(grep -c 'no room for another connection' server.log) -le 1 ] && echo once || cat server.log
            """)
        #expect(output == "served\nfew\nonce\n", "\(output)")
    }

    @Test("has room for ten listeners and a dialer where it has 64")
    func peers() async throws {
        let output = try await Script.run(
            """
            \(Self.prelude(64))
            for i in $(seq 10); do
                '\(Script.program)' listen --exec 'echo served' --events json --no-network-probe --state-dir l$i </dev/null >/dev/null 2>log.$i &
            done
            for i in $(seq 10); do await '"registered"' log.$i; done
            for i in 1 10; do bodkin connect $(bodkin id --state-dir l$i) --state-dir dialer </dev/null 2>connect.log || cat connect.log; done
            """)
        #expect(output == "served\nserved\n", "\(output)")
    }
}
#endif
