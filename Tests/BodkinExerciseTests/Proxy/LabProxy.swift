import Bodkin
import BodkinCore
import BodkinExercise
import BodkinNATLab
import BodkinProtocols
import FoundationEssentials

/// A proxy that others wrote, on a public host of a lab. Its own table of hosts knows the server as `rendezvous.test`, and nobody else's does.
struct LabProxy: Sendable {
    enum Program: String, CaseIterable, Sendable {
        case tinyproxy, squid, microsocks
    }

    static let port: UInt16 = 3128
    static let serverName = "rendezvous.test"
    static let credentials = ProxyURL.Credentials(user: "bodkin", password: "s3cret")

    let program: Program
    var asksForCredentials = false

    /// The URL with which peers ask it.
    func url(in lab: Lab, _ credentials: ProxyURL.Credentials?) throws -> ProxyURL {
        ProxyURL(program == .microsocks ? .socks : .http, .init("\(try lab.host("proxy").address)", Self.port), credentials: credentials)
    }

    /// Two peers, a server and the proxy: `a` can reach nothing but port 3128, `b` is behind a preset.
    static func topology(far: NATPreset) -> Topology {
        var topology = Topology(seed: 1)
        topology.addServer(link: LinkParameters(delay: .milliseconds(10)))
        topology.addHost("proxy", inside: nil, link: LinkParameters(delay: .milliseconds(5)))
        topology.addHost("a", behind: .portRestricted, link: LinkParameters(delay: .milliseconds(5)))
        topology.addHost("b", behind: far, link: LinkParameters(delay: .milliseconds(10)))
        topology.updateBox("nat-a") {
            $0.parameters.udp.allowedPorts = []
            $0.parameters.tcp.allowedPorts = [port]
        }
        return topology
    }

    /// Runs it while `body` runs.
    func run<Result: Sendable>(in lab: Lab, _ body: @Sendable () async throws -> Result) async throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: "bodkin-proxy-\(UInt64.random(in: 0 ... .max))").path()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (host, server) = (try lab.host("proxy"), try lab.host("server").address)
        let script = """
            cd \(folder); chmod 777 .; PATH="$PATH:/usr/sbin"
            { cat /etc/hosts; echo "\(server) \(Self.serverName)"; } >hosts; mount --bind hosts /etc/hosts
            \(command(at: host.address))
            """
        let process = try host.start(["unshare", "--mount", "bash", "-c", script])
        defer { process.kill() }
        let wait = "for i in $(seq 400); do nc -z \(host.address) \(Self.port) && exit; sleep 0.05; done; exit 1"
        guard try await host.run("bash", "-c", wait).status == 0 else { throw LabError(.usage, "\(program) does not listen.") }
        return try await body()
    }

    private func command(at address: IPAddress) -> String {
        let (user, password) = (Self.credentials.user, Self.credentials.password)
        switch program {
        case .microsocks: return "exec microsocks -i \(address) -p \(Self.port) \(asksForCredentials ? "-u '\(user)' -P '\(password)'" : "")"
        case .tinyproxy:
            return """
                cat >conf <<END
                Port \(Self.port)
                Listen \(address)
                Timeout 30
                MaxClients 50
                ConnectPort 443
                \(asksForCredentials ? "BasicAuth \(user) \(password)" : "")
                END
                exec tinyproxy -d -c conf
                """
        case .squid:
            return """
                printf '%s' '\(user):' >passwd; openssl passwd -apr1 '\(password)' >>passwd; touch cache.log access.log; chmod 666 *
                cat >conf <<END
                http_port \(address):\(Self.port)
                visible_hostname lab-proxy
                pid_filename \(folderOfSquid)/squid.pid
                cache_log \(folderOfSquid)/cache.log
                access_log stdio:\(folderOfSquid)/access.log
                coredump_dir \(folderOfSquid)
                hosts_file /etc/hosts
                cache deny all
                shutdown_lifetime 0 seconds
                pinger_enable off
                netdb_filename none
                auth_param basic program /usr/lib/squid/basic_ncsa_auth \(folderOfSquid)/passwd
                auth_param basic children 1 startup=1 idle=1
                auth_param basic realm lab
                acl SSL_ports port 443
                acl user proxy_auth REQUIRED
                http_access deny !SSL_ports
                http_access allow CONNECT \(asksForCredentials ? "user" : "")
                http_access deny all
                END
                exec squid -N -f conf
                """
        }
    }

    /// The shell's present folder.
    private var folderOfSquid: String { "$PWD" }
}
