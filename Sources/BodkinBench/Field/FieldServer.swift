import BodkinCore
import BodkinNATLab

/// The server of a soak: it ends, comes back, and moves between its two addresses, and its name with it.
actor FieldServer {
    private let place: FieldPlace
    private let addresses: [IPAddress]
    private var index = 0
    private var process: LabProcess?

    init(_ place: FieldPlace) {
        self.place = place
        addresses = (try? place.lab.host("server").specification.addresses) ?? []
    }

    nonisolated private static let pause = Duration.seconds(1)

    var address: IPAddress { addresses[index] }

    func start() async throws {
        try place.resolve(to: [address])
        process = try place.startServer(at: address)
        try await place.awaitServer()
    }

    func stop() async throws {
        process?.terminate()
        _ = await process?.wait()
        process = nil
    }

    func restart(kills: Bool) async throws {
        if kills { process?.kill() } else { process?.terminate() }
        _ = await process?.wait()
        try await Task.sleep(for: Self.pause)
        process = try place.startServer(at: address)
        try await place.awaitServer()
    }

    func move() async throws {
        process?.terminate()
        _ = await process?.wait()
        index = (index + 1) % addresses.count
        try await start()
    }
}
