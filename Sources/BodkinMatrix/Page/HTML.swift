/// Markup that is well-formed XML as well as HTML.
enum HTML {
    /// Text as it may stand in an element or in a quoted attribute.
    static func escaped(_ text: String) -> String {
        var result = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            // In an attribute a reader of XML takes a plain line break for a space (XML 1.0 section 3.3.3).
            case "\n": result += "&#10;"
            default: if character.value >= 0x20 { result.unicodeScalars.append(character) }
            }
        }
        return result
    }

    /// An element around markup.
    static func element(_ name: String, _ attributes: KeyValuePairs<String, String> = [:], _ content: String) -> String {
        "<\(name)" + attributes.map { " \($0)=\"\(escaped($1))\"" }.joined() + ">\(content)</\(name)>"
    }

    /// An element around text.
    static func element(_ name: String, _ attributes: KeyValuePairs<String, String> = [:], text: String) -> String {
        element(name, attributes, escaped(text))
    }
}
