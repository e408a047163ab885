extension String {
    /// The text on one line, fit for a terminal and a log: at most `limit` bytes of UTF-8, and U+FFFD in the place of every character that controls
    /// (Unicode categories Cc, Cf, Zl, Zp, Cs, Co and Cn). For text that another program has sent.
    package func printable(limit: Int) -> String {
        var result = ""
        var count = 0
        for scalar in unicodeScalars {
            let shown: Unicode.Scalar =
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: "\u{FFFD}"
                default: scalar
                }
            count += UTF8.width(shown)
            guard count <= limit else { break }
            result.unicodeScalars.append(shown)
        }
        return result
    }
}
