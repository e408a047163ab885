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

    /// The samples of a plan, as many as were answered. Its connections are closed when the last batch is over, and not before: a mapping may go with its last
    /// session.
    static func run(
        _ plan: SamplingPlan, from base: UInt16, by interface: String? = nil, of system: any HostSystem = KernelSystem(), on eventLoop: any EventLoop
    ) -> EventLoopFuture<[AllocationSample]> {
        gather(plan.batches[...], from: base, by: interface, of: system, on: eventLoop, answers: [])
    }

    private static func gather(
        _ batches: ArraySlice<[SamplingPlan.Probe]>, from base: UInt16, by interface: String?, of system: any HostSystem,
        on eventLoop: any EventLoop,
        answers: [(SamplingPlan.Probe, STUNAnswer)]
    ) -> EventLoopFuture<[AllocationSample]> {
        guard let batch = batches.first else {
            for (_, answer) in answers { answer.close() }
            return eventLoop.makeSucceededFuture(
                answers.map { probe, answer in AllocationSample(answer, to: probe, from: base) })
        }
        let questions = batch.enumerated().map { index, probe in
            let question = STUNQuestion(to: probe.destination, from: base + probe.offset, by: interface)
            // Paced, so that the NAT sees them in this order.
            let wait = TimeAmount(SamplingPlan.spacing * index)
            return eventLoop.flatScheduleTask(in: wait) { question.ask(within: patience, of: system, on: eventLoop) }.futureResult
        }
        return EventLoopFuture.whenAllComplete(questions, on: eventLoop).assumeIsolated().flatMap { results in
            let new = zip(batch, results).compactMap { probe, result in (try? result.get()).map { (probe, $0) } }
            return gather(batches.dropFirst(), from: base, by: interface, of: system, on: eventLoop, answers: answers + new)
        }.nonisolated()
    }
}

extension AllocationSample {
    /// What a STUN server has seen of a probe.
    init(_ answer: STUNAnswer, to probe: SamplingPlan.Probe, from base: UInt16) {
        self.init(
            localPort: base + probe.offset, destination: probe.destination, external: answer.mapped,
            sent: .nanoseconds(Int64(clamping: answer.asked.uptimeNanoseconds)),
            answered: .nanoseconds(Int64(clamping: answer.answered.uptimeNanoseconds)))
    }
}
