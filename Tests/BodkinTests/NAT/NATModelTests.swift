import BodkinCore
import BodkinPrediction
import BodkinSystem
import Testing

@testable import Bodkin

@Suite("What a peer knows of its NAT")
struct NATModelTests {
    private static let outside = IPAddress(v4: 0xCB00_7101)
    private static let servers = [443, 444].map { Endpoint(IPAddress(v4: 0xC633_6401), $0) }
    private static let second = IPAddress(v4: 0xC633_6402)
    private static let routes = [DefaultRoute(interface: "eth0", gateway: IPAddress(v4: 0xC0A8_0001), family: .v4, metric: 0)]

    /// A link whose NAT has given the reserved port 40 000 this external port.
    private static func attachment(_ port: UInt16 = 2_000) -> NATModel.Attachment {
        NATModel.Attachment(
            reservedPort: 40_000, observed: Endpoint(outside, port), routes: routes, addresses: [IPAddress(v4: 0xC0A8_000A)], stunEndpoints: servers)
    }

    private func sampling(_ actions: [NATModel.Action]) -> (SamplingPlan, UInt64)? {
        actions.lazy.compactMap { if case .sample(let plan, let number) = $0 { (plan, number) } else { nil } }.first
    }

    /// The answers to the quick plan, from a NAT that counts and maps as said.
    private func samples(_ plan: SamplingPlan, mapping: MappingBehaviour, addresses: Int) -> [AllocationSample] {
        var mapped: [String: UInt16] = [:]
        var port: UInt16 = 2_010
        var sent = Duration.zero
        let batches = addresses > 1 ? [plan.batches[0]] + SamplingPlan.rest(of: Self.servers, and: Self.second).batches : plan.batches
        return batches.flatMap { batch in
            sent += .milliseconds(100)
            return batch.map { probe in
                sent += SamplingPlan.spacing
                let key = mapping == .addressDependent ? "\(probe.offset) \(probe.destination.address)" : "\(probe.offset)"
                if mapped[key] == nil {
                    port += 1
                    mapped[key] = port
                }
                return AllocationSample(
                    localPort: 20_000 + probe.offset, destination: probe.destination, external: Endpoint(Self.outside, mapped[key] ?? 0), sent: sent,
                    answered: sent + .milliseconds(50))
            }
        }
    }

    /// A model that has sampled.
    private func sampled(_ mapping: MappingBehaviour, addresses: Int) throws -> DrivenModel {
        let model = DrivenModel()
        let actions = model.act(.attached(Self.attachment()))
        let (plan, number) = try #require(sampling(actions))
        let news = model.act(.sampled(number, samples(plan, mapping: mapping, addresses: addresses), Self.attachment()))
        #expect(news.contains { if case .forecastChanged = $0 { true } else { false } } && !model.nat.isSampling)
        return model
    }

    @Test("a port that is kept is not asked about, and one that is not is sampled once")
    func samples() throws {
        let model = DrivenModel()
        #expect(model.act(.attached(Self.attachment(40_000))).isEmpty && model.nat.keepsEndpoint(Self.attachment(40_000)) == true)
        let actions = model.act(.attached(Self.attachment()))
        let (plan, number) = try #require(sampling(actions))
        #expect(model.nat.keepsEndpoint(Self.attachment()) == nil)
        #expect(model.act(.attached(Self.attachment())).isEmpty, "it is under way")
        model.act(.sampled(number, samples(plan, mapping: .endpointIndependent, addresses: 1), Self.attachment()))
        #expect(model.act(.attached(Self.attachment())).isEmpty && model.nat.keepsEndpoint(Self.attachment()) == true)
        // The ports of a whole look are counted.
        #expect(PortBlockBudget().left(ofBlockSeenAs: 2048...2559, at: .zero) - model.nat.portBlock.left(ofBlockSeenAs: 2048...2559, at: .zero) == 13)
    }

    @Test("samples that explain nothing are taken three times, and once more for somebody who asks")
    func unexplained() throws {
        let model = DrivenModel()
        var next = sampling(model.act(.attached(Self.attachment())))
        for _ in 0..<3 {
            let (_, number) = try #require(next)
            next = sampling(model.act(.sampled(number, [], Self.attachment())))
        }
        #expect(next == nil && model.nat.allocation?.estimate.allocation == .unknown)
        #expect(sampling(model.act(.betterSamplesWanted(Self.attachment()))) != nil)
    }

    @Test("samples of another network count for nothing, and what was known there is known again on the way back")
    func networks() throws {
        let model = try sampled(.addressDependent, addresses: 2)
        model.act(.networkChanged)
        #expect(model.nat.keepsEndpoint(Self.attachment()) == nil)
        let actions = model.act(.attached(Self.attachment()))
        let (plan, number) = try #require(sampling(actions))
        #expect(model.nat.keepsEndpoint(Self.attachment()) == false, "remembered")
        model.act(.networkChanged)
        let late = model.act(.sampled(number, samples(plan, mapping: .endpointIndependent, addresses: 1), Self.attachment()))
        #expect(late.contains { if case .reattach = $0 { true } else { false } } && model.nat.allocation == nil)
    }

    @Test("two addresses of the server show a mapping that depends on the address")
    func twoAddresses() throws {
        let model = try sampled(.addressDependent, addresses: 2)
        #expect(model.nat.allocation?.estimate.mapping == .addressDependent && model.nat.keepsEndpoint(Self.attachment()) == false)
        guard case .sequential(1, _, _) = model.nat.ports(Self.attachment(), for: .init(), at: .start) else { throw CancellationError() }
        let keeping = try sampled(.endpointIndependent, addresses: 2)
        #expect(keeping.nat.keepsEndpoint(Self.attachment()) == true && !keeping.nat.isDoubtful(Self.attachment()))
    }

    @Test("with one address a silent Meet, or a failed round, is evidence that the mapping depends on it; a path that comes of that is proof")
    func oneAddress() throws {
        let model = try sampled(.addressDependent, addresses: 1)
        #expect(model.nat.keepsEndpoint(Self.attachment()) == true && model.nat.isDoubtful(Self.attachment()))
        func ports(_ round: NATModel.Round) -> PortForecast.Ports { model.nat.ports(Self.attachment(), for: round, at: .start) }
        #expect(ports(.init()) == .fixed)
        for round in [NATModel.Round(followsSilence: true), NATModel.Round(number: 2)] {
            guard case .sequential(1, _, _) = ports(round) else { throw CancellationError() }
        }
        #expect(!model.nat.isDoubtful(Self.attachment(40_000)), "a number that is kept is kept for every address")
        model.act(.addressDependenceShown)
        #expect(model.nat.keepsEndpoint(Self.attachment()) == false)
    }

    @Test("the network is examined once nobody has dialed for the delay, and a dial ends that")
    func examination() throws {
        let model = DrivenModel()
        func number(_ actions: [NATModel.Action]) -> UInt64? {
            actions.lazy.compactMap { if case .examine(let number) = $0 { number } else { nil } }.first
        }
        model.act(.registered(Self.attachment()))
        #expect(model.nat.deadline == .start + .seconds(30))
        model.act(.dialing, at: 20)
        #expect(number(model.act(.timeout, at: 30)) == nil && model.nat.deadline == .start + .seconds(50))
        let first = try #require(number(model.act(.timeout, at: 50)))
        let disturbed = model.act(.dialing, at: 51)
        #expect(disturbed.contains { if case .cancelExamination = $0 { true } else { false } } && model.nat.deadline == .start + .seconds(81))
        let profile = NetworkProfile(interfaces: [], routes: [], reachability: .registered(after: .zero), tcp: [], udp: [])
        #expect(model.act(.examined(first, profile, Self.attachment()), at: 52).isEmpty, "it was ended")
        let second = try #require(number(model.act(.timeout, at: 81)))
        #expect(model.act(.examined(second, profile, Self.attachment()), at: 84).count == 1 && model.nat.networkProfile != nil)
        model.act(.registered(Self.attachment()), at: 90)
        #expect(model.nat.deadline == nil)
        // A network that is known from before is published at once.
        model.act(.networkChanged, at: 100)
        #expect(model.nat.networkProfile == nil)
        #expect(model.act(.registered(Self.attachment()), at: 101).count == 1 && model.nat.deadline == nil)
    }

    @Test("each local address has its own search for the keepalive, and there are never more than 32")
    func keepalives() {
        let model = DrivenModel()
        let addresses = (0..<100).map { IPAddress(v4: 0xC0A8_0100 + $0) }
        model.act(.answered(after: .seconds(60), from: addresses[0]))
        #expect(model.nat.keepalive(from: addresses[0]) == .seconds(120) && model.nat.keepalive(from: addresses[1]) == model.nat.keepalive(from: nil))
        for address in addresses { model.act(.died(after: .seconds(40), from: address)) }
        #expect(model.nat.keepalives.count <= 32)
    }
}

/// A model that tells what comes of each input.
private final class DrivenModel {
    private(set) var nat = NATModel(.init(samplesAllocator: true, examinationDelay: .seconds(30)))

    @discardableResult
    func act(_ input: NATModel.Input, at seconds: Int = 0) -> [NATModel.Action] {
        nat.handle(input, at: .start + .seconds(seconds))
        var actions: [NATModel.Action] = []
        while let action = nat.nextAction() { actions.append(action) }
        return actions
    }
}
