import BodkinCore
import BodkinProtocols
import BodkinSystem
import Glibc
import NIOCore
import NIOPosix

/// The process of the attackers. Each has an address of its own.
struct Attackers {
    /// What has this executable be such a process.
    static let command = "attackers"
    /// How nice it is: server, honest pair and attackers share the processors.
    static let niceness: Int32 = 10

    let attack: Attack
    let count: Int
    let url: RendezvousURL
    let target: PeerID
    let end: NIODeadline
    let tally = AttackTally()

    /// Runs a process's words: the attack, the number of attackers, milliseconds, the URL, the honest listener.
    static func run(_ words: [String]) async throws {
        guard words.count == 5, let attack = Attack(rawValue: words[0]), let count = Int(words[1]), let milliseconds = Int64(words[2]) else {
            throw BenchmarkFailure("the words of the attackers' process are wrong: \(words)")
        }
        setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, niceness)
        DescriptorLimit.raise()
        let attackers = Attackers(
            attack: attack, count: count, url: try RendezvousURL(words[3]), target: try PeerID(words[4]), end: .now() + .milliseconds(milliseconds))
        await attackers.run()
        print("    the attackers: \(attackers.tally.words)")
    }

    private func run() async {
        await withTaskGroup(of: Void.self) { tasks in
            for number in 0..<count { tasks.addTask { await attack(number) } }
        }
    }

    /// The source address of an attacker: one in each hundred of 127.1.0.0/16, and those behind it for more connections.
    static func source(_ number: Int, _ part: Int = 0) -> IPAddress { IPAddress(v4: 0x7F01_0001 + UInt32(number * 100 + part)) }

    private var isOver: Bool { NIODeadline.now() >= end }

    private func attack(_ number: Int) async {
        while !isOver {
            do {
                switch attack {
                case .halfTLS: try await Squatter(to: try endpoint(url.hosts[0].port), saying: Squatter.halfHello, tally).run(number, until: end)
                case .stunSquatters:
                    try await Squatter(to: try endpoint(url.stunPort), saying: STUNMessage.bindingRequest(fingerprint: false).bytes, tally).run(
                        number, until: end)
                case .stunFlood: try await DatagramFlood(to: try endpoint(url.stunPort), tally).run(from: Self.source(number), until: end)
                default: try await AttackConnection(self, number).run()
                }
            } catch {
                // Refused or closed: it tries again.
                try? await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    private func endpoint(_ port: UInt16) throws -> Endpoint {
        guard let address = IPAddress(url.hosts[0].name) else { throw BenchmarkFailure("the URL has no address") }
        return Endpoint(address, port)
    }
}
