/// The variables of this process that a program started by it may see. Everything else stays here, such as the URL of a rendezvous server with its join token.
enum InheritedEnvironment {
    /// Names of what a program needs to find files, terminals and the user's language.
    private static let names: Set<String> = [
        "PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TZ", "TMPDIR", "LANG", "LANGUAGE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
    ]

    /// The variables that are passed on.
    static func permitted(_ environment: [String: String]) -> [String: String] {
        environment.filter { names.contains($0.key) || $0.key.hasPrefix("LC_") }
    }
}
