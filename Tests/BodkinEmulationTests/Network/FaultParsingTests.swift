import BodkinCore
import BodkinEmulation
import Testing

@Suite("Faults, durations and probabilities as text")
struct FaultParsingTests {
    @Test(
        "every form of a fault is read",
        arguments: [
            ("reboot:a", .reboot("a")), ("address:a:203.0.113.200", .addressChange("a", "203.0.113.200")),
            ("down:a", .link("a", isUp: false)),
            ("up:nat-a", .link("nat-a", isUp: true)), ("blackhole:a:up:2s", .blackhole("a", isUpward: true, .seconds(2))),
            ("blackhole:a:down:1.5s", .blackhole("a", isUpward: false, .milliseconds(1500))),
            ("loss:a:50%:500ms", .loss("a", 0.5, .milliseconds(500))), ("loss:a:0.25:2m", .loss("a", 0.25, .seconds(120))),
            ("rst:a", .reset("a")), ("rst:a:203.0.113.5:4000", .reset("a", remote: Endpoint("203.0.113.5", 4000))),
            ("down:a.eth1", .link("a.eth1", isUp: false)),
            ("break:a:ipv4", .family("a", .v4, isCarried: false)), ("mend:a.eth1:ipv6", .family("a.eth1", .v6, isCarried: true)),
        ] as [(String, Fault)])
    func read(text: String, fault: Fault) { #expect(Fault(text) == fault) }

    @Test(
        "what is no fault is refused",
        arguments: [
            "", ":", "reboot", "reboot:", "reboot:a:", "reboot:a:b", "reboot:a::", "explode:a", "Reboot:a", "address:a", "address:a:",
            "address:a:host", "address:a:2001:db8::1", "address:a:203.0.113.200:80", "address:a:203.0.113.256", "down:a:1s", "blackhole:a",
            "blackhole:a:up", "blackhole:a:sideways:2s", "blackhole:a:up:2", "blackhole:a:up:-2s", "blackhole:a:up:2s:3s",
            "blackhole:a::up:2s",
            "blackhole:a:up:2s:", "loss:a:50%", "loss:a:101%:1s", "loss:a:-1%:1s", "loss:a:nan:1s", "loss:a:%:1s", "loss:a:1.01:1s",
            "loss:a:50%:inf",
            "loss:a:50%::1s", "rst:a:1s", "rst:a:203.0.113.5", "rst:a:203.0.113.5:0x",
            "rst", "up:", " reboot:a", "break:a", "break:a:4", "break:a:IPv4", "break:a:ipv4:2s", "break::ipv4",
            "mend:a:", "mend:a:both",
        ])
    func refused(text: String) { #expect(Fault(text) == nil) }

    @Test(
        "a fault names its target and says what it does",
        arguments: [
            "reboot:a", "address:a:203.0.113.200", "down:a", "up:a", "blackhole:a:up:2s", "loss:a:50%:500ms", "rst:a", "break:a:ipv4", "mend:a:ipv6",
        ])
    func described(text: String) throws {
        let fault = try #require(Fault(text))
        #expect(fault.target == "a" && !fault.summary.isEmpty)
    }

    @Test(
        "durations are read in four units",
        arguments: [
            ("25ms", .milliseconds(25)), ("1.5s", .milliseconds(1500)), ("200us", .microseconds(200)), ("2m", .seconds(120)), ("0s", .zero),
            ("24m", .seconds(1440)), ("1440m", .seconds(86_400)),
        ] as [(String, Duration)])
    func duration(text: String, duration: Duration) { #expect(Duration(text: text) == duration) }

    @Test(
        "what is no duration is refused",
        arguments: ["", "s", "25", "25 ms", "-1s", "nans", "infs", "1h", "1441m", "86401s", "1e300s", "s25", "ms"])
    func noDuration(text: String) { #expect(Duration(text: text) == nil) }

    @Test(
        "probabilities are read as percent or as a number",
        arguments: [("2%", 0.02), ("0.02", 0.02), ("0%", 0), ("100%", 1), ("1", 1)] as [(String, Double)])
    func probability(text: String, value: Double) { #expect(Double(probability: text) == value) }

    @Test("what is no probability is refused", arguments: ["", "%", "2", "101%", "-1%", "nan", "nan%", "inf", "two"])
    func noProbability(text: String) { #expect(Double(probability: text) == nil) }
}
