import ArgumentParser

/// How a command tells what happens.
struct OutputOptions: ParsableArguments {
    /// The forms of events.
    enum Form: String, ExpressibleByArgument, CaseIterable {
        case json
    }

    @Flag(help: "Tells every step, and every attempt with its verdict.")
    var verbose = false
    @Option(help: ArgumentHelp("Tells events on standard error, one JSON object per line (docs/events.md).", valueName: "form"))
    var events: Form?

    /// Whether events are told as JSON, and nothing else is.
    var isJSON: Bool { events == .json }
}
