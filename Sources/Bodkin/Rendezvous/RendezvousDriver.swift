import BodkinCore
import BodkinProtocols
import BodkinSystem
import BodkinTransport
import Crypto
import FoundationEssentials
import NIOCore

/// The driver of ``RendezvousClient``: the link to the server, the routes to it, and the timer. Confined to its event loop.
final class RendezvousDriver {
    /// An event that concerns the rest of the peer.
    enum Event {
        /// The driver is about to connect: a server that was away has refused NAT bindings, too.
        case connecting
        /// The addresses of a server behind a proxy are known.
        case located
        /// The server has proved itself, on a link that was begun at `since`; nil for the route through a proxy.
        case linkUp(ServerRoute?, since: NIODeadline)
        /// The registration is out; whatever is sent now arrives after it.
        case registrationSent(isFirstOnLink: Bool)
        /// Circuits may carry so much on this link before credit is given; nil before the server has said so.
        case circuitsOpened(window: Int)
        /// The server has taken a card.
        case registered(isFirstOnLink: Bool)
        /// The link is gone, and with it whatever ran on it. `isNews`: the server has taken a card since the loss before.
        case linkLost(String, isNews: Bool)
        /// An attempt to connect has failed.
        case connectFailed(String)
        /// There is no server to be used, for this reason.
        case awaitingServer(String)
        /// The server has sent a message about dials, sessions or circuits.
        case message(WireEnvelope.OneOf_Body)
        /// The peer can never register.
        case failed(any Error)
        /// A timer has come so late that the process must have been stopped.
        case wasStopped(Duration)
    }

    /// The rest of the peer, as far as the rendezvous concerns it.
    struct Delegate {
        /// Returns the present contents of the card.
        let local: () -> LocalDescription
        /// Returns how much dials and sessions need the server.
        let demand: () -> ServerDemand
        /// Takes an event.
        let handle: (Event) -> Void
    }

    /// A timer that comes later than this has been held up with the event loop.
    private static let tolerance = TimeAmount.milliseconds(10)

    private let configuration: Peer.Configuration
    private let certificate: CertificateIdentity
    private let gate: Gate
    private let clock: PeerClock
    private let delegate: Delegate
    private(set) var machine: RendezvousClient
    private(set) var link: RendezvousLink?
    /// The link that is made beside a silent one, and when it was begun.
    private var replacement: (link: RendezvousLink, start: NIODeadline)?
    private var timer: (time: NIODeadline, task: OneShot)?
    /// How deep actions are nested at the moment.
    private var depth = 0
    /// Asks the resolver for the server's addresses.
    var resolveRoutes: () -> EventLoopFuture<[ServerRoute]>
    /// Asks the resolver for the server's own addresses, where the link goes through a proxy.
    private var resolveBehindProxy: (() -> EventLoopFuture<[ServerRoute]>)?
    /// The addresses to connect to, the one first at which the server has proved itself; and the routes to them by the interfaces that there are.
    private var addresses: [ServerRoute] = []
    private var routes: [ServerRoute] = []
    /// The server's own addresses behind a proxy: it may answer STUN there.
    private var addressesBehindProxy: [ServerRoute] = []
    /// The routes to the server's own addresses.
    private(set) var serverRoutes: [ServerRoute] = []
    /// The address at which the server has proved itself last.
    private var proven: ServerRoute?
    private var attachments = Attachments(interfaces: [], routes: [])
    /// When the present link was begun, and how long TLS and the registration took on the latest one.
    private var linkStart: NIODeadline
    private(set) var registrationTime = Duration.zero
    /// The callers that wait for the answer to a DialBack.
    private var waitingForDialBack: [EventLoopPromise<WireDialedBack?>] = []
    private var isClosed = false
    /// A timer that is later tells of a process that was stopped; no busy machine is so late.
    private static let lateness = TimeAmount.seconds(5)

    init(
        _ configuration: Peer.Configuration, instance: InstanceID, certificate: CertificateIdentity, through gate: Gate, clock: PeerClock,
        _ delegate: Delegate
    ) {
        (self.configuration, self.certificate, self.gate, self.clock, self.delegate) = (configuration, certificate, gate, clock, delegate)
        linkStart = clock.start
        let (url, eventLoop) = (configuration.rendezvous, clock.eventLoop)
        let proxy = configuration.proxy
        resolveRoutes = { ServerResolution.routes(to: url, by: proxy, on: eventLoop) }
        addresses = ServerResolution.literalRoutes(to: url, by: proxy)
        if proxy != nil {
            resolveBehindProxy = { ServerResolution.routes(to: url, on: eventLoop) }
            addressesBehindProxy = ServerResolution.literalRoutes(to: url)
        }
        machine = RendezvousClient(
            RendezvousClient.Configuration(
                identity: configuration.identity, instance: instance, token: url.token, policy: WirePolicy(configuration.admission),
                stunKey: SymmetricKey(size: .bits256).withUnsafeBytes { Array($0) }, cardLifetime: configuration.cardLifetime,
                keyHash: url.nextKeyHash == nil ? url.keyHash : nil, hasNames: proxy?.hasName ?? url.hasNames, serverName: url.authority,
                proxyName: proxy?.host.description, isLocated: !addresses.isEmpty,
                isPatient: configuration.waitsForServer),
            localTime: UInt64(max(Date().timeIntervalSince1970 * 1000, 0)), at: .start)
    }

    /// Gives the machine an input, and the present state of what it depends on before, and performs what follows.
    func handle(_ input: RendezvousClient.Input) {
        guard !isClosed else { return }
        let (now, local, demand) = (clock.now, delegate.local(), delegate.demand())
        machine.handle(.localChanged(local), at: now)
        machine.handle(.demandChanged(demand), at: now)
        machine.handle(input, at: now)
        performActions()
    }

    /// Tells the machine what has become of NAT bindings and candidates: a registration that waits for them goes out.
    func localChanged() {
        guard !isClosed else { return }
        let (now, local) = (clock.now, delegate.local())
        machine.handle(.localChanged(local), at: now)
        performActions()
    }

    /// Tells the machine that dials and sessions need the server more, or less, than before.
    func demandChanged() {
        let (now, demand) = (clock.now, delegate.demand())
        machine.handle(.demandChanged(demand), at: now)
        armTimer()
    }

    /// The present card, signed, with these candidates.
    func card(naming candidates: [Candidate]) -> WireSignedCard? {
        let (now, local) = (clock.now, delegate.local())
        machine.handle(.localChanged(local), at: now)
        return machine.signedCard(naming: candidates, at: now)
    }

    /// Has the server connect to the reserved port. The result is nil if the server does not answer.
    func dialBack() -> EventLoopFuture<WireDialedBack?> {
        let promise = clock.eventLoop.makePromise(of: WireDialedBack?.self)
        waitingForDialBack.append(promise)
        handle(.dialBack)
        return promise.futureResult
    }

    /// The system's network is like this now.
    func attach(_ attachments: Attachments) {
        self.attachments = attachments
        expandRoutes()
    }

    /// Why the peer has not registered yet; nil if it has.
    var obstacle: (any Error)? {
        if machine.hasRegistered { return nil }
        if case .connecting = machine.state, let failure = link?.failure { return failure }
        return machine.absence?.error ?? link?.obstacle
    }

    /// The bytes that a circuit carries on the present link before credit is given; nil before the server has told them.
    var circuitWindow: Int? { machine.circuitWindow }

    /// Ends everything.
    func close() {
        isClosed = true
        timer?.task.cancel()
        dialedBack(nil)
        abandonReplacement()
        link?.close()
    }

    /// Finds the routes to the server: every address of it, by every interface that leads out.
    private func expandRoutes() {
        if let index = addresses.firstIndex(where: { $0.endpoint == proven?.endpoint }) { addresses.swapAt(0, index) }
        routes = expand(addresses)
        serverRoutes = configuration.proxy == nil ? routes : expand(addressesBehindProxy)
        gate.locate((addresses + addressesBehindProxy + (proven.map { [$0] } ?? [])).map(\.endpoint.address))
    }

    private func expand(_ addresses: [ServerRoute]) -> [ServerRoute] {
        addresses.flatMap { route in attachments.waysOut(route.endpoint.address.family).map { route.by($0) } }
    }

    /// The routes to the address at which the server has proved itself, where its name does not lead there any more: a resolver may lie for a while.
    private var formerRoutes: [ServerRoute] {
        guard let proven, !addresses.contains(where: { $0.endpoint == proven.endpoint }) else { return [] }
        return expand([proven])
    }

    // MARK: Actions

    private func performActions() {
        depth += 1
        while !isClosed, let action = machine.nextAction() { perform(action) }
        depth -= 1
        guard depth == 0, !isClosed else { return }
        link?.flush()
        // The actions may have changed the demand.
        demandChanged()
    }

    /// Arms the one timer of the machine. A timer that comes too early does nothing but arm the next: most deadlines only move on.
    private func armTimer() {
        guard !isClosed, let deadline = machine.deadline else { return }
        let time = clock.time(of: deadline)
        if let timer, timer.time <= time { return }
        timer?.task.cancel()
        let task = OneShot(on: clock.eventLoop, at: time) { [weak self] in
            guard let self else { return }
            self.timer = nil
            let late = self.clock.eventLoop.now - time
            if late > Self.lateness { self.delegate.handle(.wasStopped(.nanoseconds(late.nanoseconds))) }
            if late > Self.tolerance { self.machine.handle(.heldUp(.nanoseconds(late.nanoseconds)), at: self.clock.now) }
            self.notePackets()
            self.handle(.timeout(jitter: .random(in: 0...1)))
        }
        timer = (time, task)
    }

    private func notePackets() {
        if let silence = link?.packetSilence { machine.handle(.packetSilence(silence), at: clock.now) }
    }

    private func perform(_ action: RendezvousClient.Action) {
        switch action {
        case .resolve: resolveServer()
        case .connect: connect()
        case .replace: replace()
        case .promoteReplacement: promoteReplacement()
        case .abandonReplacement: abandonReplacement()
        case .disconnect(let isDiscarded): isDiscarded ? link?.discard() : link?.close()
        case .send(let body): link?.send(body, flush: false)
        case .registrationSent(let isFirstOnLink): delegate.handle(.registrationSent(isFirstOnLink: isFirstOnLink))
        case .openCircuits(let window): delegate.handle(.circuitsOpened(window: window))
        case .registered(let isFirstOnLink):
            if isFirstOnLink { registrationTime = .nanoseconds((clock.eventLoop.now - linkStart).nanoseconds) }
            delegate.handle(.registered(isFirstOnLink: isFirstOnLink))
        case .linkLost(let message, let isNews): delegate.handle(.linkLost(message, isNews: isNews))
        case .connectFailed(let message): delegate.handle(.connectFailed(message))
        case .awaitingServer(let message): delegate.handle(.awaitingServer(message))
        case .dialedBack(let answer): dialedBack(answer)
        case .fail(let error): delegate.handle(.failed(error))
        }
    }

    private func connect() {
        abandonReplacement()
        delegate.handle(.connecting)
        linkStart = clock.eventLoop.now
        link = makeLink()
    }

    /// Connects beside the present link.
    private func replace() {
        link?.noteSilence()
        abandonReplacement()
        replacement = (makeLink(), clock.eventLoop.now)
    }

    private func promoteReplacement() {
        guard let replacement else { return }
        (link, linkStart) = (replacement.link, replacement.start)
        self.replacement = nil
    }

    private func abandonReplacement() {
        replacement?.link.close()
        replacement = nil
    }

    private func makeLink() -> RendezvousLink {
        weak var made: RendezvousLink?
        let link = RendezvousLink(
            configuration.rendezvous, routes: routes, former: formerRoutes,
            roundTrip: machine.isRoundTripKnown ? TimeAmount(machine.roundTrip) : .zero, certificate: certificate, through: gate,
            on: clock.eventLoop
        ) { [weak self] event in
            guard let self, let made, !self.isClosed else { return }
            self.happened(event, on: made)
        }
        made = link
        link.isUrgent = { [weak self] in self?.delegate.demand().isMissed ?? false }
        return link
    }

    private func happened(_ event: RendezvousLink.Event, on link: RendezvousLink) {
        let isReplacement = link === replacement?.link
        switch event {
        case .up where isReplacement: replacementCameUp(link)
        case .up: linkCameUp()
        case .message(let body): if !isReplacement { received(body) }
        case .down(let error) where isReplacement:
            replacement = nil
            notePackets()
            handle(.replacementDown(error, jitter: .random(in: 0...1)))
        case .down(let error): handle(.linkDown(error, jitter: .random(in: 0...1)))
        }
    }

    private func replacementCameUp(_ link: RendezvousLink) {
        notePackets()
        handle(.replacementUp(serverKeyHash: link.serverKeyHash, handshake: link.handshakeTime))
        guard self.link === link, machine.isLinkUp else { return }
        prove(link)
        delegate.handle(.linkUp(link.directRoute, since: linkStart))
        localChanged()
    }

    private func prove(_ link: RendezvousLink) {
        guard let route = link.route else { return }
        proven = route.by(nil)
        expandRoutes()
    }

    private func linkCameUp() {
        if let link { prove(link) }
        machine.handle(.linkUp(serverKeyHash: link?.serverKeyHash, handshake: link?.handshakeTime), at: clock.now)
        delegate.handle(.linkUp(link?.directRoute, since: linkStart))
        localChanged()
    }

    /// Resolves the server's names. If none leads anywhere, the addresses stay that were good before. New ones join the race that is under way.
    private func resolveServer() {
        resolveServerBehindProxy()
        resolveRoutes().assumeIsolated().whenComplete { [weak self] result in
            guard let self, !self.isClosed else { return }
            let found = (try? result.get()) ?? []
            let isNew = found.contains { !self.addresses.contains($0) }
            if !found.isEmpty {
                self.addresses = found
                self.expandRoutes()
                self.link?.add(self.routes)
                self.replacement?.link.add(self.routes)
            }
            let present = self.link?.route?.endpoint
            let lacksPresent = !found.isEmpty && !found.contains { $0.endpoint == present }
            self.handle(.resolved(.init(isLocated: !self.addresses.isEmpty, isNew: isNew, lacksPresent: lacksPresent)))
        }
    }

    /// A resolver inside a network that only a proxy leads out of may know nothing of the server, and take long to say so. So nobody waits for it.
    private func resolveServerBehindProxy() {
        resolveBehindProxy?().assumeIsolated().whenSuccess { [weak self] found in
            guard let self, !self.isClosed, !found.isEmpty, found != self.addressesBehindProxy else { return }
            self.addressesBehindProxy = found
            self.expandRoutes()
            self.delegate.handle(.located)
        }
    }

    private func received(_ body: WireEnvelope.OneOf_Body) {
        switch body {
        case .welcome, .registered, .dialedBack, .ping, .pong, .failure: handle(.message(body))
        default:
            machine.handle(.heard, at: clock.now)
            delegate.handle(.message(body))
        }
    }

    /// Passes on the server's answer to a DialBack; nil if none will come.
    private func dialedBack(_ answer: WireDialedBack?) {
        let waiting = waitingForDialBack
        waitingForDialBack = []
        for promise in waiting { promise.succeed(answer) }
    }
}
