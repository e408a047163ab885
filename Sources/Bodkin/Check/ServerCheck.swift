import BodkinCore
import BodkinPrediction
import BodkinProtocols
import BodkinTransport
import NIOCore
import NIOPosix

/// Finds out which services of a rendezvous server answer from here: the rendezvous, STUN, and the TURN relays that the server names.
///
/// ```swift
/// for finding in await ServerCheck.run(configuration) { print(finding) }
/// ```
public enum ServerCheck {
    /// One service at one place.
    public struct Finding: Hashable, Sendable, CustomStringConvertible {
        /// The kinds of service.
        @nonexhaustive
        public enum Service: String, Hashable, Sendable {
            /// TLS, the server's key or certificate, and the join token.
            case rendezvous
            /// STUN over TCP.
            case stunTCP = "STUN over TCP"
            /// STUN over UDP, which only `bodkin check` uses.
            case stunUDP = "STUN over UDP"
            /// A TURN relay, by an allocation.
            case turn = "TURN"
        }

        /// The service.
        public let service: Service
        /// The host or address, and the port.
        public let place: String
        /// The reason why it does not answer, and the remedy; nil if it answers.
        public let problem: String?

        /// One line.
        public var description: String { "\(service.rawValue) at \(place): \(problem ?? "answers")" }
    }

    /// How long a relay may take.
    private static let patience = Duration.seconds(10)

    /// Asks each service once. Registers with each host of the URL as a peer that nobody may dial.
    /// - Returns: a finding for each service and place; never throws, because each failure is a finding.
    public static func run(_ configuration: Peer.Configuration) async -> [Finding] {
        var findings: [Finding] = []
        var relays: [Relay] = []
        for host in configuration.rendezvous.hosts {
            var own = configuration
            own.rendezvous.hosts = [host]
            (own.paths, own.admission, own.waitsForServer, own.profilesNetwork) = (.relayOnly, .nobody, false, false)
            do {
                let named = try await withPeer(own) { peer in
                    try await peer.registered()
                    return await peer.relays()
                }
                if relays.isEmpty { relays = named }
                findings.append(Finding(service: .rendezvous, place: "\(host)", problem: nil))
            } catch {
                findings.append(Finding(service: .rendezvous, place: "\(host)", problem: (error as? TransportError)?.message ?? "\(error)"))
            }
        }
        let addresses = ((try? await ServerResolution.routes(to: configuration.rendezvous)) ?? []).addresses
        let eventLoop = (configuration.eventLoopGroup ?? MultiThreadedEventLoopGroup.singleton).next()
        let gate = Gate(before: configuration.system, servers: addresses, on: eventLoop)
        for address in addresses {
            let servers = configuration.rendezvous.stunEndpoints(at: address)
            async let tcp = STUNProbe.tcp(address.family, servers: servers, through: gate, on: eventLoop)
            async let udp = STUNProbe.udp(address.family, servers: servers, through: gate, on: eventLoop)
            findings += await tcp.samples.map { finding(.stunTCP, $0) } + udp.samples.map { finding(.stunUDP, $0) }
        }
        for relay in relays { findings.append(await finding(relay, configuration, through: gate, on: eventLoop)) }
        return findings
    }

    private static func finding(_ service: Finding.Service, _ sample: MappingProfile.Sample) -> Finding {
        let transport = service == .stunTCP ? "TCP" : "UDP"
        let problem = sample.mapped == nil ? "no answer. Open \(transport) port \(sample.server.port) towards the server." : nil
        return Finding(service: service, place: "\(sample.server)", problem: problem)
    }

    private static func finding(
        _ relay: Relay, _ configuration: Peer.Configuration, through gate: Gate, on eventLoop: any EventLoop
    ) async -> Finding {
        let hosts = ServerResolution.routes(to: [relay.address.host], by: configuration.proxy, on: eventLoop)
        var located = relay
        located.routes = (try? await hosts.get().first) ?? []
        let family = located.routes.first?.endpoint.address.family ?? .v4
        let answer = eventLoop.flatSubmit { [located] in
            let promise = eventLoop.makePromise(of: String?.self)
            let answer = NIOLoopBoundBox<EventLoopPromise<String?>?>(promise, eventLoop: eventLoop)
            let end: (String?) -> Void = { problem in
                answer.value?.succeed(problem)
                answer.value = nil
            }
            let race = RelayRace([located], family, through: gate, on: eventLoop) { event in
                switch event {
                case .allocated: end(nil)
                case .failed(let reason): end(reason)
                case .permitted, .accepted: break
                }
            }
            race.begin()
            let limit = OneShot(on: eventLoop, in: TimeAmount(patience)) { end(TURNRefusal.unanswered.message) }
            promise.futureResult.assumeIsolated().whenComplete { _ in
                limit.cancel()
                race.release()
            }
            return promise.futureResult
        }
        let problem: String?
        do { problem = try await answer.get() } catch { problem = error.inPlainWords }
        return Finding(service: .turn, place: relay.address.host.description, problem: problem)
    }
}

extension Peer {
    /// The TURN relays that the server names; none where it knows none, or does not answer.
    func relays() async -> [Relay] {
        let (engine, eventLoop) = (engine, eventLoop)
        return (try? await eventLoop.flatSubmit { engine.value.queryRelays() }.get()).map { Relay.all(in: $0) } ?? []
    }
}

extension PeerEngine {
    /// How long the server may take to name its relays.
    private static let relayTimeout = TimeAmount.seconds(5)

    /// Asks the server for its relays.
    func queryRelays() -> EventLoopFuture<WireRelays> {
        guard hasRelays, !isOver else { return eventLoop.makeSucceededFuture(WireRelays()) }
        let promise = eventLoop.makePromise(of: WireRelays.self)
        waitingForRelays.append(promise)
        link?.send(.relayQuery(WireRelayQuery()))
        let limit = OneShot(on: eventLoop, in: Self.relayTimeout) { [weak self] in self?.answerRelayQueries(WireRelays()) }
        promise.futureResult.assumeIsolated().whenComplete { _ in limit.cancel() }
        return promise.futureResult
    }

    func answerRelayQueries(_ relays: WireRelays) {
        let waiting = waitingForRelays
        waitingForRelays = []
        for promise in waiting { promise.succeed(relays) }
    }
}
