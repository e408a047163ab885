import ArgumentParser
import Testing

@testable import BodkinCLI

/// The man pages and completions that packages bring.
@Suite("The manual and the completions")
struct ManualTests {
    /// The names of the command and of all its subcommands, such as `bodkin-lab-run`.
    private static func names(_ command: any ParsableCommand.Type = BodkinCommand.self, _ parent: String? = nil) -> [String] {
        let word = command.configuration.commandName ?? ""
        let name = parent.map { "\($0)-\(word)" } ?? word
        return [name] + command.configuration.subcommands.flatMap { names($0, name) }
    }

    @Test("each command has a page with its options, and no page makes mandoc warn")
    func pages() async throws {
        let output = try await Script.run(
            """
            "$root/scripts/manual" '\(Script.program)' man || exit; ls man
            mandoc -Tlint -Wwarning man/*; for page in man/*; do mandoc -Tutf8 $page >/dev/null || echo $page; done
            for command in listen 'lab run'; do
                page=man/bodkin-${command/ /-}.1
                bodkin $command --help | grep -o '^  --[a-z-]*' | while read -r option; do grep -qF -- "${option//-/\\\\-}" $page || echo "no $option"; done
            done
            for section in NAME SYNOPSIS DESCRIPTION OPTIONS 'EXIT STATUS' ENVIRONMENT EXAMPLES 'SEE ALSO'; do
                grep -q "^.SH $section$" man/bodkin-listen.1 || echo "no $section"
            done
            """)
        #expect(output.split(separator: "\n").map { String($0.replacing(".1", with: "")) }.sorted() == Self.names().sorted(), "\(output)")
    }

    @Test("the same binary and time give the same pages")
    func reproducible() async throws {
        let output = try await Script.run(
            """
            export SOURCE_DATE_EPOCH=1000000000
            for copy in one two; do "$root/scripts/manual" '\(Script.program)' $copy; done; diff -r one two && grep -c '^.TH "BODKIN" 1 2001-09-09 "bodkin \(ProductVersion.text)"' one/bodkin.1
            """)
        #expect(output == "1\n")
    }

    /// A line, and one of its completions in a directory with `some-file` and `some-directory`.
    private static let lines = [
        ("bodkin li", "listen"), ("bodkin lab f", "fault"), ("bodkin listen --receive", "--receive-only"), ("bodkin listen --events j", "json"),
        ("bodkin demo --a port-restricted-", "port-restricted-rst"), ("bodkin server --tokens some", "some-file"),
        ("bodkin id --state-dir some", "some-directory"),
    ]

    @Test("bash completes commands, options, files and kinds of NAT", arguments: lines)
    func bash(_ line: String, _ completion: String) async throws {
        let output = try await Script.run(
            """
            bodkin --generate-completion-script bash >completion; bash -n completion
            set +u; unset -f bodkin; . ./completion; mkdir some-directory; touch some-file
            set -- \(line); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE='\(line)'; COMP_POINT=${#COMP_LINE}
            _bodkin bodkin "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"; printf '%s\\n' "${COMPREPLY[@]}"
            """)
        #expect(output.split(separator: "\n").contains(Substring(completion)), "\(output)")
    }

    @Test("fish does, too", .enabled("needs fish") { await Script.has("fish") }, arguments: lines)
    func fish(_ line: String, _ completion: String) async throws {
        let output = try await Script.run(
            """
            bodkin --generate-completion-script fish >completion; fish --no-execute completion || echo 'bad syntax'
            mkdir some-directory; touch some-file; HOME=$work fish --no-config --command "source completion; complete --do-complete '\(line)'" | cut -f 1
            """)
        #expect(output.split(separator: "\n").contains { $0 == completion || $0 == "\(completion)/" }, "\(output)")
        #expect(!output.contains("bad syntax"))
    }

    @Test("zsh understands its completions, and registers them for the command", .enabled("needs zsh") { await Script.has("zsh") })
    func zsh() async throws {
        let output = try await Script.run(
            """
            bodkin --generate-completion-script zsh >_bodkin; zsh -n _bodkin || echo 'bad syntax'
            HOME=$work zsh -f -c 'fpath=($PWD $fpath); autoload -U compinit; compinit -D -u && echo ${_comps[bodkin]}; autoload -U +X _bodkin && which _bodkin >/dev/null && echo defined'
            """)
        #expect(output == "_bodkin\ndefined\n", "\(output)")
    }
}
