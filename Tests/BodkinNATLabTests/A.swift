import BodkinNATLab
import BodkinCore
import Testing

@Test func smoke() async throws {
    let t0 = Lab.now
    try await withLab(.pair(.portRestricted, .masquerade, link: LinkParameters(delay: .milliseconds(25)), seed: 1)) { lab in
        print("up", Lab.now.since(t0))
        let r = try await lab.host("a").run("ping", "-c3", "-i0.2", "\(lab.host("server").address)")
        print(r.output, r.error, r.status)
        let s = try await lab.host("a").run("sh", "-c", "ip a; ip r; ip -6 r; ps aux | tail -3; env | grep BODKIN; ping -c1 2001:db8:a::10")
        print(s.output, s.error, s.status)
    }
    print("total", Lab.now.since(t0))
}
