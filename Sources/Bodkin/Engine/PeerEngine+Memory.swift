import BodkinCore
import BodkinIdentity
import BodkinPrediction
import FoundationEssentials
import Logging

/// What has led to direct paths before is remembered by kinds of networks, in a file where the configuration names one.
extension PeerEngine {
    private var file: String? { configuration.memoryFile }

    /// What the file holds now: other processes of this peer may have written to it. Nil where it is not ours to write.
    private var stored: PunchMemory? {
        guard let file else { return memory }
        do {
            guard let text = try SecretFile.read(file, limit: PunchMemory.largestText) else { return PunchMemory() }
            return PunchMemory(json: text)
        } catch {
            return nil
        }
    }

    /// What is known at the beginning. A file that cannot be read is as good as none.
    func recall() { memory = stored ?? PunchMemory() }

    /// These rounds have led to a direct path.
    func remember(_ trials: [PunchTrial]) {
        let today = Day(secondsSince1970: Int(Date().timeIntervalSince1970))
        guard let trial = trials.last, let precedent = trials.precedent(on: today) else { return }
        change { $0.note(precedent, own: trial.own, far: trial.far) }
    }

    /// These have led nowhere: what did before is no good any more.
    func forget(_ trials: [PunchTrial]) {
        guard let trial = trials.last else { return }
        change { $0.forget(own: trial.own, far: trial.far) }
    }

    private func change(_ body: (inout PunchMemory) -> Bool) {
        guard body(&memory) else { return }
        guard let file, var stored else { return }
        _ = body(&stored)
        memory = stored
        do {
            try SecretFile.replace(stored.json, at: file)
        } catch {
            configuration.logger.info("what worked cannot be remembered", metadata: ["reason": "\(error.message)"])
        }
    }
}
