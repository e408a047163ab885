import BodkinCore
import BodkinPrediction
import BodkinTransport
import NIOCore

/// Sends the probes of a sampling plan, one batch after another, and gathers what STUN servers see of them.
enum PortSampler {
    /// How long a batch is waited for: what comes later belongs to a repeated SYN (RFC 6298 section 2), and nobody knows when that was mapped.
    private static let patience = TimeAmount.milliseconds(900)
    /// Where base ports are drawn from: below the ports that systems give out by themselves.
    private static let bases: Range<UInt16> = 16_384..<31_000

    /// A base port from which a plan's ports are likely to be free.
    static func base() -> UInt16 { .random(in: bases) }

    /// The samples of a plan, as many as were answered. With `extendsQuickPlan` the plan is the quick one, and its second batch asks a second address of the
    /// server as well, where an answer names one.
    ///
    /// Its connections are closed when the last batch is over, and not before: a mapping may go with its last session.
    static func run(
        _ plan: SamplingPlan, from base: UInt16, by interface: String? = nil, of system: any HostSystem = KernelSystem(),
        extendsQuickPlan: Bool = false, on eventLoop: any EventLoop
    ) -> EventLoopFuture<[AllocationSample]> {
        gather(plan.batches[...], from: base, by: interface, of: system, isExtensible: extendsQuickPlan, on: eventLoop, answers: [])
    }

    private static func gather(
        _ batches: ArraySlice<[SamplingPlan.Probe]>, from base: UInt16, by interface: String?, of system: any HostSystem,
        isExtensible: Bool, on eventLoop: any EventLoop,
        answers: [(SamplingPlan.Probe, BindingResponse)]
    ) -> EventLoopFuture<[AllocationSample]> {
        guard let batch = batches.first else {
            for (_, answer) in answers { answer.close() }
            return eventLoop.makeSucceededFuture(
                answers.map { probe, answer in AllocationSample(answer, to: probe, from: base) })
        }
        let questions = batch.enumerated().map { index, probe in
            let question = BindingRequest(to: probe.destination, from: base + probe.offset, by: interface)
            // Paced, so that the NAT sees them in this order.
            let wait = TimeAmount(SamplingPlan.spacing * index)
            return eventLoop.flatScheduleTask(in: wait) { question.ask(within: patience, of: system, on: eventLoop) }.futureResult
        }
        return EventLoopFuture.whenAllComplete(questions, on: eventLoop).assumeIsolated().flatMap { results in
            let new = zip(batch, results).compactMap { probe, result in (try? result.get()).map { (probe, $0) } }
            let rest = isExtensible ? rest(batches.dropFirst(), after: new) : batches.dropFirst()
            return gather(rest, from: base, by: interface, of: system, isExtensible: false, on: eventLoop, answers: answers + new)
        }.nonisolated()
    }

    /// What is left of a plan, which asks a second address of the server, too, where an answer names one.
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
    /// What a STUN server has seen of a probe.
    init(_ answer: BindingResponse, to probe: SamplingPlan.Probe, from base: UInt16) {
        self.init(
            localPort: base + probe.offset, destination: probe.destination, external: answer.mapped,
            sent: .nanoseconds(Int64(clamping: answer.asked.uptimeNanoseconds)),
            answered: .nanoseconds(Int64(clamping: answer.answered.uptimeNanoseconds)))
    }
}
