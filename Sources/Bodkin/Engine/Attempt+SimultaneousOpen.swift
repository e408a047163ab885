import BodkinCore
import BodkinTransport
import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The driver of ``SimultaneousOpen``: its sockets, its timer, and who hears of what.
extension Attempt {
    private var context: DialContext {
        DialContext(
            start: engine.instant(start), isDialer: role == .dialer,
            isRemoteAuthenticated: session != nil, isConnecting: isConnecting)
    }

    /// Something has happened that concerns it.
    func tell(_ event: PathStrategyEvent) {
        guard phase != .over else { return }
        simultaneousOpen.handle(event, in: context, report: &report, at: engine.now)
        performActions()
        if simultaneousOpen.isExhausted, !isExhausted { conclude() }
    }

    /// What has no answer by now will have none.
    func finishSimultaneousOpen() {
        simultaneousOpen.finish(in: context, report: &report, at: engine.now)
        performActions()
    }

    /// Closes what is half-open, without a verdict.
    func closeSimultaneousOpen() {
        strategyTimer?.cancel()
        engine.withdrawRequest(of: id, .meet)
        simultaneousOpen.close()
        performActions()
    }

    /// There is room for a SYN that waits.
    func fireWaiting() {
        if phase == .meeting { tell(.granted) } else { engine.releaseRoom(of: id, .meet) }
    }

    /// The remote peer has proved itself by a session: it is granted more than a stranger.
    func fireVolleys() { if phase == .meeting { tell(.remoteAuthenticated) } }

    /// The entry of the report for a connection.
    func entry(of shot: ShotID) -> Int { simultaneousOpen.targets[shot.target].entry }

    private func performActions() {
        while let action = simultaneousOpen.nextAction() { perform(action) }
        guard phase != .over else { return }
        strategyTimer?.cancel()
        strategyTimer = simultaneousOpen.deadline.map { deadline in
            OneShot(on: engine.eventLoop, at: engine.time(of: deadline)) { [weak self] in self?.tell(.timeout) }
        }
    }

    private func perform(_ action: PathStrategyAction) {
        switch action {
        case .requestRoom: engine.requestRoom(for: self, .meet)
        case .returnRoom: engine.releaseRoom(of: id, .meet)
        case .connect(let shot, let endpoint, let interface): connect(shot, to: endpoint, by: interface)
        case .close(let shot): shots.removeValue(forKey: shot)?.close(promise: nil)
        case .discard(let shot): if let channel = shots.removeValue(forKey: shot) { ReservedPort.discard(channel) }
        case .inspect(let shot):
            guard let channel = shots[shot] else { return }
            ReservedPort.inspect(channel) { [weak self] state in self?.tell(.inspected(shot, state)) }
        case .discardUnlessHeard(let shot):
            guard let path = openPaths[shot], !path.hasHeard else { return }
            openPaths[shot] = nil
            path.discard()
            tell(.unheard(shot))
        case .verifyBindings: engine.verifyMappings()
        case .clear(let endpoint, let isPressing):
            if !engine.discardStrangers(at: endpoint, isPressing: isPressing) { engine.tellPorts(.otherPortNeeded(id)) }
        case .replacePort: engine.tellPorts(.otherPortNeeded(id))
        case .foundSilence(let isLong): tellPunch(.meetStayedSilent(isLong: isLong))
        case .judged(let entry): engine.tell(.attempt(peer, report.attempts[entry]), since: start)
        }
    }

    private func connect(_ shot: ShotID, to endpoint: Endpoint, by interface: String?) {
        guard phase == .meeting, let port = engine.port(for: id) else {
            engine.releaseRoom(of: id, .meet)
            return tell(.failed(shot, .other("no port to connect from")))
        }
        if simultaneousOpen.targets[shot.target].shots == 1 { engine.tookPorts(1) }
        let connecting = port.connect(to: endpoint, interface: interface) { [weak self] channel in self?.shots[shot] = channel }
        let (engine, id) = (engine, id)
        connecting.assumeIsolated().whenComplete { [weak self] result in
            engine.releaseRoom(of: id, .meet, after: result.failure)
            self?.shots[shot] = nil
            guard let self, self.phase == .meeting, self.simultaneousOpen.isAwaited(shot) else {
                return (try? result.get())?.close(promise: nil) ?? ()
            }
            switch result {
            case .success(let channel): self.connected(shot, channel)
            case .failure(let error): self.tell(.failed(shot, ShotFailure(error)))
            }
        }
    }

    private func connected(_ shot: ShotID, _ channel: any Channel) {
        do {
            let path = try path(on: channel)
            openPaths[shot] = path
            tell(.connected(shot))
            follow(path, shot: shot)
            channel.setOption(.autoRead, value: true).whenSuccess { channel.read() }
        } catch {
            channel.close(promise: nil)
            tell(.failed(shot, .other(error.inPlainWords)))
        }
    }
}

extension ShotFailure {
    /// What a connection's error means.
    init(_ error: any Error) {
        let code = (error as? IOError)?.errnoCode ?? ((error as? NIOConnectionError)?.connectionErrors.first?.error as? IOError)?.errnoCode
        switch code {
        case ECONNREFUSED: self = .refused
        case EHOSTUNREACH, ENETUNREACH, ENOPROTOOPT, EACCES: self = .unreachable
        case ETIMEDOUT: self = .silent
        case EADDRNOTAVAIL: self = .occupied
        case EMFILE, ENFILE: self = .noDescriptor
        default: self = .other(error.inPlainWords)
        }
    }
}
