import BodkinCore
package import BodkinPrediction
import BodkinProtocols
package import NIOCore

/// Sends the probes of a sampling plan, one batch after another, and collects the answers of the STUN servers.
package enum PortSampler {
    /// How long the answers of a batch may take. A later answer belongs to a repeated SYN (RFC 6298 section 2.1), and the NAT may have mapped any of the two.
    private static let batchTimeout = TimeAmount.milliseconds(900)
    /// The range of base ports: below the ports that kernels choose for connections.
    private static let basePorts: Range<UInt16> = 16_384..<31_000

    /// A base port from which a plan's ports are likely to be free.
    package static func base() -> UInt16 { .random(in: basePorts) }

    /// Takes the samples of a plan: one for each probe that was answered.
    ///
    /// The connections stay open until the last batch is over, because a NAT may delete a mapping with its last connection.
    /// - Parameter extendsQuickPlan: whether the plan is the quick one, whose second batch also asks a second address of the server, if an answer names one.
    package static func run(
        _ plan: SamplingPlan, from base: UInt16, by interface: String? = nil, through gate: Gate,
        extendsQuickPlan: Bool = false, on eventLoop: any EventLoop
    ) -> EventLoopFuture<[AllocationSample]> {
        gather(plan.batches[...], from: base, by: interface, through: gate, isExtensible: extendsQuickPlan, on: eventLoop, answers: [])
    }

    private static func gather(
        _ batches: ArraySlice<[SamplingPlan.Probe]>, from base: UInt16, by interface: String?, through gate: Gate,
        isExtensible: Bool, on eventLoop: any EventLoop,
        answers: [(SamplingPlan.Probe, BindingResponse)]
    ) -> EventLoopFuture<[AllocationSample]> {
        guard let batch = batches.first else {
            for (_, answer) in answers { answer.close() }
            return eventLoop.makeSucceededFuture(
                answers.map { probe, answer in AllocationSample(answer, to: probe, from: base) })
        }
        let requests = batch.enumerated().map { index, probe in
            let request = BindingRequest(to: probe.destination, from: base + probe.offset, by: interface)
            // Probes are paced, so that the NAT sees them in this order.
            let wait = TimeAmount(SamplingPlan.spacing * index)
            return eventLoop.flatScheduleTask(in: wait) { request.ask(within: batchTimeout, through: gate, on: eventLoop) }.futureResult
        }
        return EventLoopFuture.whenAllComplete(requests, on: eventLoop).assumeIsolated().flatMap { results in
            let new = zip(batch, results).compactMap { probe, result in (try? result.get()).map { (probe, $0) } }
            let rest = isExtensible ? rest(batches.dropFirst(), after: new) : batches.dropFirst()
            return gather(rest, from: base, by: interface, through: gate, isExtensible: false, on: eventLoop, answers: answers + new)
        }.nonisolated()
    }

    /// Returns the batches that are left of a plan. They also ask a second address of the server, if an answer names one.
    private static func rest(
        _ batches: ArraySlice<[SamplingPlan.Probe]>, after answers: [(SamplingPlan.Probe, BindingResponse)]
    ) -> ArraySlice<[SamplingPlan.Probe]> {
        guard !batches.isEmpty, let other = answers.lazy.compactMap(\.1.other).first?.address else { return batches }
        var endpoints: [Endpoint] = []
        for (probe, _) in answers where !endpoints.contains(probe.destination) { endpoints.append(probe.destination) }
        guard !endpoints.contains(where: { $0.address == other }) else { return batches }
        return SamplingPlan.rest(of: endpoints, and: other).batches[...]
    }
}

extension AllocationSample {
    /// The sample that a STUN server's answer to a probe makes.
    init(_ answer: BindingResponse, to probe: SamplingPlan.Probe, from base: UInt16) {
        self.init(
            localPort: base + probe.offset, destination: probe.destination, external: answer.mapped,
            sent: .nanoseconds(Int64(clamping: answer.asked.uptimeNanoseconds)),
            answered: .nanoseconds(Int64(clamping: answer.answered.uptimeNanoseconds)))
    }
}
