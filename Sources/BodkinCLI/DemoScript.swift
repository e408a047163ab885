#if canImport(BodkinNATLab)
/// The sh scripts of the two peers, which talk and pass on a file. Files in the demo's directory tell them when to go on.
struct DemoScript: Sendable {
    static let firstByte = "first byte"
    static let fileBegins = "file begins"
    static let fileArrived = "file has arrived"

    let directory: String
    /// The size of the file in bytes.
    let size: Int

    /// The file that a sends, and what b has of it.
    var file: String { "\(directory)/file" }
    var received: String { "\(directory)/received" }
    /// The demo makes these: the dial is over, so the conversation may go on; the network has died, so the second half may follow.
    var isSettled: String { "\(directory)/settled" }
    var isCut: String { "\(directory)/cut" }

    /// The script of a, which greets b, waits until the connection has its best path, and sends the file.
    var asking: String {
        """
        wait_for() { until [ -e "$1" ]; do sleep 0.02; done; }
        (echo 'hello b'; wait_for '\(isSettled)'; echo 'may I send a file of \(size >> 20) MiB'
        head -c \(size / 2) '\(file)'; wait_for '\(isCut)'; exec tail -c +\(size / 2 + 1) '\(file)') | exec "$0" "$@"
        """
    }

    /// The script of b, which answers a line, receives a file, and prints its digest.
    var answering: String {
        """
        IFS= read -r line; echo '\(Self.firstByte)' >&2; echo "b> hello a, I read: $line"
        IFS= read -r line; echo 'b> yes, go ahead'; echo '\(Self.fileBegins)' >&2
        cat >'\(received)'; sha256sum <'\(received)' | cut -d' ' -f1; echo '\(Self.fileArrived)' >&2
        """
    }
}
#endif
