import ArgumentParser

/// The form of a command's messages on standard error.
struct OutputOptions: ParsableArguments {
    /// The forms of events.
    enum Form: String, ExpressibleByArgument, CaseIterable {
        case json
    }

    @Flag(help: "Print every step, and every path attempt with its verdict.")
    var verbose = false
    @Option(help: ArgumentHelp("Write events to standard error, one JSON object per line (docs/events.md).", valueName: "form"))
    var events: Form?

    /// Whether the command writes JSON events and nothing else.
    var isJSON: Bool { events == .json }
}
