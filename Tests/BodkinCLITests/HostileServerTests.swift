import NIOCore
import NIOPosix
import Testing

/// What may answer in the place of a rendezvous server.
@Suite("no rendezvous server")
struct HostileServerTests {
    /// What is there, and what is said of it.
    struct Place: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// What is said to who connects; nil: nothing is.
        var greeting: String?
        var closes = false
        /// Starts something else, and sets `url`.
        var script: String?
        /// The status of `connect`.
        let status: Int
        /// What to do, or what has happened where that says it.
        let hint: String
    }

    static let places: [Place] = [
        Place(testDescription: "who accepts and says nothing", status: 69, hint: "Check the network and the URL"),
        Place(testDescription: "who closes at once", closes: true, status: 69, hint: "closed the connection"),
        Place(
            testDescription: "an HTTP server", greeting: "HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n", closes: true, status: 76,
            hint: "captive portal"),
        Place(testDescription: "an SSH server", greeting: "SSH-2.0-OpenSSH_9.2p1\r\n", status: 76, hint: "captive portal"),
        Place(
            testDescription: "a TLS server that speaks another protocol, with the right key",
            script: """
                openssl req -x509 -newkey ed25519 -nodes -keyout key.pem -out cert.pem -subj /CN=x -days 2 2>/dev/null
                key=$(openssl pkey -in key.pem -pubout -outform DER | openssl dgst -sha256 -binary | base64 | tr '+/' '-_' | tr -d '=')
                openssl s_server -www -tls1_3 -accept 127.0.0.1:0 -cert cert.pem -key key.pem </dev/null >tls.log 2>&1 &
                await ACCEPT tls.log; place $(grep ACCEPT tls.log | grep -o '[0-9]*$')
                """,
            status: 76, hint: "Check the port in the URL"),
        Place(
            testDescription: "a name that is not there", script: "url=bodkin://nowhere.invalid/", status: 69, hint: "Check the name and the network"),
    ]

    /// Says something to who connects, at most once.
    private final class Greeter: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        let place: Place
        init(_ place: Place) { self.place = place }
        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if let text = place.greeting { context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil) }
            if place.closes { context.close(promise: nil) }
        }
    }

    /// `place` sets `url` to a port of 127.0.0.1. Nothing is at the STUN port.
    private static let prelude = """
        export RES_OPTIONS='timeout:1 attempts:1'
        key=\(String(repeating: "A", count: 43)); id=$(bodkin id --state-dir other)
        place() { url="bodkin://127.0.0.1:$1/?key=$key&stun=9"; }

        """

    @Test(
        "gets one line that says what to do, and its status; a dial waits for it first, and says so",
        arguments: places, ["connect $id --timeout 4", "check"])
    func oneLine(_ place: Place, _ command: String) async throws {
        let listener = try await ServerBootstrap(group: NIOSingletons.posixEventLoopGroup)
            .childChannelInitializer { channel in channel.pipeline.addHandler(Greeter(place)) }.bind(host: "127.0.0.1", port: 0).get()
        let port = listener.localAddress?.port ?? 0
        let output = try await Script.run(
            """
            \(Self.prelude)\(place.script ?? "place \(port)")
            bodkin \(command) --rendezvous "$url" --state-dir s </dev/null 2>error >/dev/null; echo $?; cat error
            """)
        try await listener.close()
        // A check says of every server that cannot be used that it is unavailable.
        let isCheck = command == "check"
        let lines = output.split(separator: "\n")
        #expect(lines.first == "\(isCheck ? 69 : place.status)", "\(output)")
        #expect(lines.count == (isCheck ? 2 : 3) && lines.last?.contains(place.hint) == true, "\(output)")
        if !isCheck { #expect(lines[1].hasSuffix("Waiting for it."), "\(output)") }
        #expect(lines.last?.hasPrefix("bodkin \(isCheck ? "check" : "connect"): ") == true, "\(output)")
    }
}
