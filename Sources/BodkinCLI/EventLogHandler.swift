import Logging

/// A log handler that writes log lines as events.
struct EventLogHandler: LogHandler {
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    private let events: EventLog

    init(_ events: EventLog) { self.events = events }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let line = EventLine(event, metadata: metadata.merging(event.metadata ?? [:]) { $1 })
        events.tell(line, "\(event.level): \(event.message)")
    }
}

extension EventLine {
    /// Creates the event of a log line.
    fileprivate init(_ event: LogEvent, metadata: Logger.Metadata) {
        var fields: [(String, JSONValue)] = [("level", .text(event.level.rawValue)), ("message", .text("\(event.message)"))]
        if !metadata.isEmpty { fields.append(("metadata", JSONValue(metadata))) }
        self.init("log", fields)
    }
}

extension JSONValue {
    /// Creates an object from metadata, sorted by key.
    fileprivate init(_ metadata: Logger.Metadata) {
        self = .object(metadata.sorted { $0.key < $1.key }.map { ($0.key, JSONValue($0.value)) })
    }

    private init(_ value: Logger.MetadataValue) {
        switch value {
        case .string(let text): self = .text(text)
        case .stringConvertible(let value): self = .text(value.description)
        case .dictionary(let members): self = JSONValue(members)
        case .array(let values): self = .list(values.map { JSONValue($0) })
        }
    }
}
