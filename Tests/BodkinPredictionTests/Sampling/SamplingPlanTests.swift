import BodkinCore
import BodkinPrediction
import Testing

@Suite("Which probes are sent")
struct SamplingPlanTests {
    static let servers = SimulatedNetwork.servers

    @Test("the quick part costs at most two round trips, whatever endpoints there are", arguments: 1...4)
    func twoBatches(count: Int) {
        let plan = SamplingPlan.quick(towards: Array(Self.servers.prefix(count)))
        #expect(plan.batches.count == 2)
        #expect(plan.batches.joined().count <= 13)
        #expect(plan.offsets.allSatisfy { $0 < SamplingPlan.width })
    }

    @Test("without a server nothing is sent")
    func nobody() {
        #expect(SamplingPlan.quick(towards: []).batches.isEmpty)
        #expect(SamplingPlan.thorough(towards: []).batches.isEmpty)
        #expect(SamplingPlan.fresh(towards: []).batches.isEmpty)
    }

    @Test("one local port is seen by two ports of one address and by another address, the others by one endpoint each")
    func mapping() {
        let probes = SamplingPlan.quick(towards: Self.servers).batches.joined()
        let byOffset = Dictionary(grouping: probes, by: \.offset).mapValues { $0.map(\.destination) }
        let repeated = byOffset.filter { $0.value.count > 1 }
        #expect(repeated.count == 1)
        let destinations = repeated.first?.value ?? []
        #expect(destinations.count == 3 && Set(destinations.map(\.address)).count == 2)
    }

    @Test("there are two runs of four consecutive ports, and lone ports each below the one before")
    func runs() {
        let offsets = SamplingPlan.quick(towards: Self.servers).batches.map { $0.map(\.offset) }
        #expect(offsets == [[0, 1, 2, 3, 40, 40, 40], [33, 16, 17, 18, 19, 9]])
    }

    @Test("nobody is asked twice the same", arguments: [SamplingPlan.quick(towards: servers), .thorough(towards: servers), .fresh(towards: servers)])
    func distinct(plan: SamplingPlan) {
        let probes = Array(plan.batches.joined())
        #expect(Set(probes).count == probes.count)
    }

    @Test("more than four endpoints, or one twice, change nothing")
    func surplus() {
        let plan = SamplingPlan.quick(towards: Self.servers)
        #expect(SamplingPlan.quick(towards: Self.servers + ["192.0.2.1:443"]) == plan)
        #expect(SamplingPlan.quick(towards: [Self.servers[0], Self.servers[0]]).batches.joined().allSatisfy { $0.destination == Self.servers[0] })
    }
}
