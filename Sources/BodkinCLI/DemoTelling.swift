#if canImport(BodkinNATLab)
import BodkinNATLab
import FoundationEssentials
import Glibc

/// Follows a demo: tells its story as it happens, lets the scripts go on, and has the network of a die in the middle of the file.
struct DemoTelling {
    /// How long the lines wait for earlier ones, because the lines of processes come late.
    private static let delay = Duration.milliseconds(100)
    /// The duration of the outage: what a router needs at least to start again.
    private static let outage = Duration.seconds(1)
    /// A dial that lasts longer than this no longer holds the conversation up.
    private static let dialLimit = Duration.seconds(10)

    private let lab: Lab
    private let script: DemoScript
    private let record: DemoRecord
    private var story: DemoStory
    private var taken = 0
    private var start = Lab.now
    private var isSettled = false
    /// When the network of a died, and how much of the file b had.
    private(set) var cut: (time: LabInstant, received: Int)?

    init(_ lab: Lab, _ script: DemoScript, _ record: DemoRecord) throws {
        (self.lab, self.script, self.record) = (lab, script, record)
        let server = try lab.host("server").specification
        story = DemoStory(server: server.addresses + server.addresses6)
    }

    /// Begins with the dial.
    mutating func begin(_ screen: inout DemoScreen) async throws {
        _ = try await lab.takeEvents()
        taken = record.lines.count
        start = Lab.now
        story.begin(at: start)
        screen.begin(at: start)
    }

    /// Tells what has happened, and does what is due.
    mutating func step(_ screen: inout DemoScreen) async throws {
        let now = Lab.now
        try await collect()
        screen.tell(story.take(before: now.advanced(by: .zero - Self.delay)))
        let received = received
        screen.progress(received, of: script.size)
        if !isSettled, now.since(start) > Self.dialLimit || record.lines.contains(where: { DemoRecord.value("event", of: $0.text) == "report" }) {
            isSettled = true
            mark(script.isSettled)
        }
        if cut == nil, received >= script.size / 4 {
            cut = (Lab.now, received)
            try await kill()
            mark(script.isCut)
        }
    }

    /// Tells the rest.
    mutating func finish(_ screen: inout DemoScreen) async throws {
        try await collect()
        screen.tell(story.finish())
    }

    private mutating func collect() async throws {
        for event in try await lab.takeEvents() { story.note(event) }
        let lines = record.lines
        for line in lines[taken...] { story.note(line) }
        taken = lines.count
    }

    /// The bytes of the file that b has.
    private var received: Int {
        var information = stat()
        return stat(script.received, &information) == 0 ? Int(information.st_size) : 0
    }

    private func mark(_ file: String) { _ = FileManager.default.createFile(atPath: file, contents: nil) }

    /// Nothing leaves a, and nothing reaches it, for a second; then its router, if it has one, has forgotten every connection.
    private func kill() async throws {
        for isUpward in [true, false] { try await lab.apply(.blackhole("a", isUpward: isUpward, Self.outage)) }
        do {
            try await lab.apply(.reboot("a"))
            record.note("demo", "the router of a restarts: for 1 s nothing passes, and it forgets every mapping")
        } catch is LabError {
            record.note("demo", "for 1 s nothing leaves a, and nothing reaches it")
        }
    }
}
#endif
