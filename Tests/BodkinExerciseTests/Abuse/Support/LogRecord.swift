import Logging
import Synchronization

/// What was logged.
final class LogRecord: Sendable {
    struct Line: Sendable {
        let level: Logger.Level
        let message: Logger.Message
        let metadata: Logger.Metadata
    }

    private struct Handler: LogHandler {
        var logLevel = Logger.Level.info
        var metadata: Logger.Metadata = [:]
        let record: LogRecord

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let line = Line(level: event.level, message: event.message, metadata: metadata.merging(event.metadata ?? [:]) { $1 })
            record.list.withLock { $0.append(line) }
        }
    }

    private let list = Mutex<[Line]>([])

    /// Puts lines here.
    var handler: any LogHandler { Handler(record: self) }
    var lines: [Line] { list.withLock { $0 } }
}
