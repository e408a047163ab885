import Testing

#if os(Linux)
@Suite("descriptors of server and listener")
struct DescriptorTests {
    @Test("a program of --exec has pipes for input and output, and none of the listener's sockets")
    func inherited() async throws {
        let output = try await Script.run(
            """
            serve; listening --once --exec 'readlink /proc/$$/fd/* | sed "s/:.*//" | sort | uniq -c | tr -s " "'
            bodkin connect $id --state-dir dialer </dev/null 2>/dev/null; ended
            """)
        #expect(output.contains(" pipe\n") && !output.contains("socket") && output.hasSuffix("listener 0\n"), "\(output)")
    }

    @Test("a program of --exec sees no variable but those for paths, terminal and language, and who is connected")
    func variables() async throws {
        let output = try await Script.run(
            """
            serve; export SECRET=1; listening --once --exec 'env'
            bodkin connect $id --state-dir dialer </dev/null 2>/dev/null; ended
            """)
        #expect(output.contains("BODKIN_PEER=") && output.contains("PATH=") && output.hasSuffix("listener 0\n"), "\(output)")
        #expect(!output.contains("RENDEZVOUS") && !output.contains("token") && !output.contains("SECRET"), "\(output)")
    }

    @Test("the limit is raised as far as the system allows")
    func raised() async throws {
        let output = try await Script.run("ulimit -Sn 256; serve; awk '/Max open files/ { print ($4 == $5) }' /proc/$server/limits")
        #expect(output == "1\n", "\(output)")
    }

    @Test(
        "used up but for the last eight, they cost no processor time; given back, the next connection is served", arguments: ["server", "listener"])
    func usedUp(_ process: String) async throws {
        let output = try await Script.run(
            """
            serve; port=$((20000 + RANDOM % 10000)); listening --reserved-port $port --exec 'cat'
            case \(process) in server) process=$server; port=${BODKIN_RENDEZVOUS##*stun=};; *) process=$listener;; esac
            limit=$(($(ls /proc/$process/fd | wc -l) + 60)); full=$((limit - 8))
            prlimit --pid $process --nofile=$limit:$limit
            ticks() { awk '{ print $14 + $15 }' /proc/$process/stat; }
            # The first connection shows the process its new limit.
            ( exec {fd}<>/dev/tcp/127.0.0.1/$port; sleep 0.2; for i in $(seq 150); do exec {fd}<>/dev/tcp/127.0.0.1/$port; done
              for i in $(seq 100); do [ $(ls /proc/$process/fd | wc -l) -ge $full ] && break; sleep 0.05; done
              ls /proc/$process/fd | wc -l | sed "s/^$full$/full/"
              before=$(ticks); sleep 1; echo $(( $(ticks) - before < 20 )) )
            echo served | bodkin connect $id --state-dir dialer 2>connect.log; cat connect.log
            exec {fd}<>/dev/tcp/127.0.0.1/$port; printf '\\0\\1\\0\\0\\x21\\x12\\xa4\\x42transaction1' >&$fd
            [ \(process) = listener ] || timeout 10 head -c 2 <&$fd | od -An -tx1
            """)
        let served = process == "server" ? ["full", "1", "served", " 01 01"] : ["full", "1", "served"]
        #expect(output.split(separator: "\n").map(String.init).filter { !$0.hasPrefix("connected ") } == served, "\(output)")
    }
}
#endif
