import Testing

@testable import BodkinCLI

@Suite("what programs inherit")
struct InheritedEnvironmentTests {
    @Test(
        "paths, the terminal and the language pass, secrets and everything unknown do not",
        arguments: [
            ("PATH", true), ("HOME", true), ("TERM", true), ("LANG", true), ("LC_ALL", true), ("BODKIN_RENDEZVOUS", false), ("BODKIN_STATE", false),
            ("BODKIN_LAB_A", false), ("AWS_SECRET_ACCESS_KEY", false), ("LD_PRELOAD", false), ("path", false), ("", false),
        ])
    func permitted(_ name: String, _ passes: Bool) {
        #expect(InheritedEnvironment.permitted([name: "x"]) == (passes ? [name: "x"] : [:]))
    }
}
