import BodkinCore
import BodkinNATLab
import FoundationEssentials
import Glibc

/// The programs of a soak in a lab, and the files by which they are steered: the server, `listen` under a supervisor, and the names and the clock that they see.
final class FieldPlace: Sendable {
    private static let name = "rendezvous.test"
    /// Moves the wall clock of a program by the seconds in a file.
    private static let shim = """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <stdlib.h>
        #include <sys/syscall.h>
        #include <sys/time.h>
        #include <time.h>
        #include <unistd.h>
        static long ahead(void) {
            char text[32] = {0};
            int file = open(getenv("WALL_CLOCK_AHEAD"), O_RDONLY | O_CLOEXEC);
            if (file < 0) return 0;
            if (read(file, text, 31) < 0) text[0] = 0;
            close(file);
            return atol(text);
        }
        int clock_gettime(clockid_t clock, struct timespec *now) {
            int result = syscall(SYS_clock_gettime, clock, now);
            if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += ahead();
            return result;
        }
        int gettimeofday(struct timeval *now, void *zone) {
            struct timespec time;
            (void)zone;
            clock_gettime(CLOCK_REALTIME, &time);
            now->tv_sec = time.tv_sec;
            now->tv_usec = time.tv_nsec / 1000;
            return 0;
        }
        time_t time(time_t *result) {
            struct timespec now;
            clock_gettime(CLOCK_REALTIME, &now);
            if (result) *result = now.tv_sec;
            return now.tv_sec;
        }
        """
    private static let supervisor = """
        cd $FIELD; mount --bind hosts /etc/hosts; mkfifo control
        while :; do
            LD_PRELOAD=$PWD/clock.so WALL_CLOCK_AHEAD=$PWD/ahead "$BODKIN" listen --exec cat --events json --no-network-probe --state-dir b </dev/null >/dev/null 2>>listen.log &
            echo $! >pid; wait $!; echo "listen ended with status $?" >>ended; sleep 0.5
        done &
        while :; do p=$(cat pid); echo "$(awk '/VmRSS/ { print $2 }' /proc/$p/status) $(ls /proc/$p/fd | wc -l)" >>samples; sleep 2; done 2>/dev/null &
        while :; do read limit <control && prlimit --pid $(cat pid) --nofile=$limit:; done
        """
    private static let dial = """
        cd $FIELD; mount --bind hosts /etc/hosts; mkdir dial.$1; head -c $2 /dev/urandom >dial.$1/in
        "$BODKIN" connect $(cat id) --verbose --no-network-probe --state-dir a <dial.$1/in >dial.$1/out 2>dial.$1/log; status=$?
        cmp -s dial.$1/in dial.$1/out && same=whole || same=different
        if [ $status$same = 0whole ]; then last=$(tail -1 dial.$1/log); else last=$(tr '\\n' '|' <dial.$1/log); fi
        echo "$status $same $last"; rm -r dial.$1
        """

    let lab: Lab
    let directory: String
    private let bodkin: String
    /// Whether there is a compiler for what moves the clock.
    let hasClock: Bool

    private init(_ lab: Lab, _ directory: String, _ bodkin: String, hasClock: Bool) {
        (self.lab, self.directory, self.bodkin, self.hasClock) = (lab, directory, bodkin, hasClock)
    }

    /// Prepares the files in a fresh directory.
    static func make(in lab: Lab) async throws -> FieldPlace {
        let bodkin = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent().appending(path: "bodkin").path()
        guard FileManager.default.isExecutableFile(atPath: bodkin) else {
            throw BenchmarkFailure("There is no \(bodkin). Build the product bodkin as well.")
        }
        let directory = FileManager.default.temporaryDirectory.appending(path: "bodkin-field-\(UInt32.random(in: 0 ... .max))").path()
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        for (file, text) in ["clock.c": shim, "ahead": "0", "supervisor": supervisor, "dial": dial] {
            try text.write(toFile: "\(directory)/\(file)", atomically: true, encoding: .utf8)
        }
        let compiled = try? await lab.host("a").run("cc", "-shared", "-fPIC", "-O1", "-o", "\(directory)/clock.so", "\(directory)/clock.c")
        return FieldPlace(lab, directory, bodkin, hasClock: compiled?.status == 0)
    }

    func remove() { try? FileManager.default.removeItem(atPath: directory) }

    private var environment: [String: String] {
        ["FIELD": directory, "BODKIN": bodkin, "BODKIN_RENDEZVOUS": (try? read("url").split(separator: "\n").first.map(String.init)) ?? ""]
    }

    func read(_ file: String) throws -> String { try String(contentsOfFile: "\(directory)/\(file)", encoding: .utf8) }
    /// Writes in place, because the file is mounted.
    private func write(_ text: String, to file: String) throws {
        guard let handle = fopen("\(directory)/\(file)", "w") else { throw BenchmarkFailure("\(file) cannot be written") }
        fputs(text, handle)
        fclose(handle)
    }

    /// Has the server's name lead to these addresses.
    func resolve(to addresses: [IPAddress]) throws {
        try write("127.0.0.1 localhost\n" + addresses.map { "\($0) \(Self.name)\n" }.joined(), to: "hosts")
    }

    /// Has the daemon's wall clock be so many seconds ahead.
    func setClock(ahead seconds: Int) throws { try write("\(seconds)", to: "ahead") }

    /// Starts the server at one of its addresses.
    func startServer(at address: IPAddress) throws -> LabProcess {
        let command =
            "cd $FIELD; mount --bind hosts /etc/hosts; exec \"$BODKIN\" server --host \(Self.name) --bind \(address) --state-dir s >url.next 2>>server.log"
        return try lab.host("server").start(["unshare", "-m", "sh", "-c", command], environment: environment)
    }

    /// Waits until the server has printed its URL, which stays the same.
    func awaitServer() async throws {
        _ = try await lab.host("server").run(
            "sh", "-c", "cd \(directory); until grep -q bodkin:// url.next; do sleep 0.05; done; [ -s url ] || cp url.next url")
    }

    /// Starts the supervisor, and waits until `listen` listens.
    func startDaemon() async throws -> LabProcess {
        let made = try await lab.host("b").run("sh", "-c", "\"$BODKIN\" id --state-dir $FIELD/b >$FIELD/id", environment: environment)
        guard made.status == 0 else { throw BenchmarkFailure("bodkin id failed: \(made.error)") }
        let daemon = try lab.host("b").start(["unshare", "-m", "bash", "\(directory)/supervisor"], environment: environment)
        _ = try await lab.host("b").run("sh", "-c", "cd \(directory); until grep -qs listening listen.log; do sleep 0.05; done")
        return daemon
    }

    /// Dials once with so many random bytes: what `connect` came to, in one line.
    func dial(_ number: Int, byteCount: Int) async throws -> String {
        let result = try await lab.host("a").run(
            ["unshare", "-m", "bash", "\(directory)/dial", "\(number)", "\(byteCount)"], environment: environment)
        return result.output.trimmingSuffix { $0.isNewline }.isEmpty
            ? "no answer: \(result.error)" : String(result.output.trimmingSuffix { $0.isNewline })
    }

    /// Limits the daemon's descriptors to so many more than it has; nil for no limit.
    func limitDescriptors(to more: Int?) async throws {
        let limit = more.map { "$((n + \($0)))" } ?? "$(ulimit -Hn)"
        _ = try await lab.host("b").run("sh", "-c", "cd \(directory); n=$(tail -1 samples | cut -d' ' -f2); echo \(limit) >control")
    }
}

extension StringProtocol {
    fileprivate func trimmingSuffix(while predicate: (Character) -> Bool) -> SubSequence {
        guard let last = lastIndex(where: { !predicate($0) }) else { return self[startIndex..<startIndex] }
        return self[...last]
    }
}
