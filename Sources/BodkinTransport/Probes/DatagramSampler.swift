import BodkinCore
import BodkinPrediction
import NIOCore

/// The driver of a sampling plan over UDP, as ``PortSampler`` is over TCP.
enum DatagramSampler {
    /// The time to wait for a batch. A UDP exchange takes one round trip, half of what a connection and its request take.
    private static let timeout = TimeAmount.milliseconds(500)

    /// Returns the samples of a plan, one for each answer.
    ///
    /// The sampler sends each request once, because the answer to a repeated one does not tell which of the two was mapped. It closes its sockets after the last
    /// batch, so that the NAT allocates no port twice meanwhile.
    static func run(
        _ plan: SamplingPlan, from base: UInt16, _ family: IPAddress.Family, through gate: Gate, on eventLoop: any EventLoop
    ) async -> [AllocationSample] {
        var sockets: [UInt16: STUNSocket] = [:]
        for offset in plan.offsets {
            sockets[offset] = try? await STUNSocket.open(at: Endpoint(.unspecified(family), base + offset), through: gate, on: eventLoop)
        }
        var samples: [AllocationSample] = []
        for batch in plan.batches {
            let probes = batch.compactMap { probe in sockets[probe.offset].map { (probe, $0) } }
            let responses = try? await eventLoop.flatSubmit { send(probes, on: eventLoop) }.get()
            samples += zip(probes, responses ?? []).compactMap { probe, response in
                (try? response.get()).map { AllocationSample($0, to: probe.0, from: base) }
            }
        }
        for socket in sockets.values { socket.close() }
        return samples
    }

    private static func send(
        _ probes: [(SamplingPlan.Probe, STUNSocket)], on eventLoop: any EventLoop
    ) -> EventLoopFuture<[Result<BindingResponse, any Error>]> {
        let responses = probes.enumerated().map { index, probe in
            // The pace makes the requests reach the NAT in this order.
            eventLoop.flatScheduleTask(in: TimeAmount(SamplingPlan.spacing * index)) {
                probe.1.requestOnce(from: probe.0.destination, within: timeout)
            }.futureResult
        }
        return EventLoopFuture.whenAllComplete(responses, on: eventLoop)
    }
}
