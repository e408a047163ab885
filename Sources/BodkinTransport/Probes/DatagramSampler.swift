import BodkinCore
import BodkinPrediction
import NIOCore

/// Sends the probes of a sampling plan over UDP, as ``PortSampler`` does over TCP.
enum DatagramSampler {
    /// How long a batch is waited for. One round trip is half of what a connection and its question take.
    private static let patience = TimeAmount.milliseconds(500)

    /// The samples of a plan, as many as were answered. Nothing is sent twice: nobody would know which of the two was mapped. Its sockets are closed when the last batch is
    /// over, so that no port is given out again meanwhile.
    static func run(
        _ plan: SamplingPlan, from base: UInt16, _ family: IPAddress.Family, on eventLoop: any EventLoop
    ) async -> [AllocationSample] {
        var sockets: [UInt16: STUNSocket] = [:]
        for offset in plan.offsets { sockets[offset] = try? await STUNSocket.open(at: Endpoint(.unspecified(family), base + offset), on: eventLoop) }
        var samples: [AllocationSample] = []
        for batch in plan.batches {
            let probes = batch.compactMap { probe in sockets[probe.offset].map { (probe, $0) } }
            let answers = try? await eventLoop.flatSubmit { ask(probes, on: eventLoop) }.get()
            samples += zip(probes, answers ?? []).compactMap { probe, answer in
                (try? answer.get()).map { AllocationSample($0, to: probe.0, from: base) }
            }
        }
        for socket in sockets.values { socket.close() }
        return samples
    }

    private static func ask(
        _ probes: [(SamplingPlan.Probe, STUNSocket)], on eventLoop: any EventLoop
    ) -> EventLoopFuture<[Result<BindingResponse, any Error>]> {
        let questions = probes.enumerated().map { index, probe in
            // Paced, so that the NAT sees them in this order.
            eventLoop.flatScheduleTask(in: TimeAmount(SamplingPlan.spacing * index)) {
                probe.1.askOnce(probe.0.destination, within: patience)
            }.futureResult
        }
        return EventLoopFuture.whenAllComplete(questions, on: eventLoop)
    }
}
