import BodkinCore
import BodkinProtocols
import NIOCore

extension STUNFuzzer {
    /// One run: its generator, its counts, and what is checked of each message.
    struct Run {
        var random: Generator
        var counts = Counts()
        private let responder = BindingResponder(authentication: .optional, software: "fuzzed")

        init(random: Generator) { self.random = random }

        mutating func step() {
            counts.made += 1
            let original = random.message()
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                counts.garbage += 1
                judge(random.garbage(), madeFrom: nil)
            case 1, 2:
                counts.mutated += 1
                judge(random.mutated(original.bytes), madeFrom: original)
            default:
                check((try? STUNMessage(original.bytes)) == original, original.bytes, "a valid message does not read as it was written")
                judge(original.bytes, madeFrom: original)
            }
        }

        private mutating func judge(_ bytes: [UInt8], madeFrom original: STUNMessage?) {
            frame(bytes)
            do {
                let message = try STUNMessage(bytes)
                counts.parsed += 1
                check(message.bytes == bytes && message.size == bytes.count, bytes, "a message is not written as it was read")
                readValues(of: message)
                answer(message, madeFrom: original)
            } catch {
                counts.refused[error.code, default: 0] += 1
            }
        }

        private mutating func readValues(of message: STUNMessage) {
            let types: [any STUNMessage.Attribute.Type] = [
                STUNMessage.MappedAddress.self, STUNMessage.XORMappedAddress.self, STUNMessage.ResponseOrigin.self, STUNMessage.OtherAddress.self,
                STUNMessage.Username.self, STUNMessage.Realm.self, STUNMessage.Nonce.self, STUNMessage.Software.self, STUNMessage.ErrorCode.self,
                STUNMessage.UnknownAttributes.self, STUNMessage.ChangeRequest.self, STUNMessage.ResponsePort.self, STUNMessage.Padding.self,
                STUNMessage.UserHash.self, STUNMessage.PasswordAlgorithm.self, STUNMessage.PasswordAlgorithms.self,
                STUNMessage.MessageIntegrity.self, STUNMessage.MessageIntegritySHA256.self, STUNMessage.Fingerprint.self,
            ]
            for type in types { read(type, of: message) }
        }

        private mutating func read<Value: STUNMessage.Attribute>(_: Value.Type, of message: STUNMessage) {
            do {
                guard let value = try message.attribute(Value.self) else { return }
                counts.values += 1
                let again = try Value(value: value.value(in: message.transactionID), in: message.transactionID)
                check(again == value, message.bytes, "\(Value.type) does not read as it is written")
            } catch {
                counts.malformed += 1
            }
        }

        private mutating func answer(_ message: STUNMessage, madeFrom original: STUNMessage?) {
            let source = random.endpoint()
            let local = random.endpoint()
            let other = random.oneIn(2) ? random.endpoint() : nil
            let answer = responder.answer(to: message, from: source, at: local, other: other, over: random.oneIn(2) ? .tcp : .udp) {
                $0 == Generator.username ? Generator.key : nil
            }
            guard let answer else { return }
            let read = try? STUNMessage(answer.bytes)
            check(read == answer.response && read?.transactionID == message.transactionID, message.bytes, "an answer does not read as it was written")
            check(message.class == .request && answer.destination.address == source.address, message.bytes, "an answer goes astray")
            counts.answers[(try? answer.response.attribute(STUNMessage.ErrorCode.self)).flatMap { $0?.number } ?? 0, default: 0] += 1
            guard answer.username != nil else { return }
            counts.proved += 1
            let covered = message.attributes.prefix { $0.type != .messageIntegrity && $0.type != .messageIntegritySHA256 }
            let isAsMade = message.method == original?.method && message.transactionID == original?.transactionID
            check(isAsMade && original?.attributes.starts(with: covered) == true, message.bytes, "a forged message was believed")
            check(answer.response.verifiedIntegrity(key: Generator.key) != nil, message.bytes, "the answer to an authenticated request is not signed")
        }

        /// A valid message, these bytes and garbage, cut at random: what comes out must be what is read at once.
        private mutating func frame(_ bytes: [UInt8]) {
            let first = random.message()
            var stream = ByteBuffer(bytes: first.bytes + bytes)
            var framer = STUNFramer()
            var framed: [STUNMessage] = []
            while stream.readableBytes > 0 {
                guard var piece = stream.readSlice(length: min(stream.readableBytes, Int.random(in: 1...90, using: &random))) else { return }
                do {
                    while let message = try framer.next(from: &piece) { framed.append(message) }
                } catch {
                    break
                }
                check(framer.pendingCount < STUNMessage.maximumSize && piece.readableBytes == 0, bytes, "a framer hoards")
            }
            counts.framed += framed.count
            check(framed.first == first, bytes, "the first message of a stream is lost")
            if let whole = try? STUNMessage(bytes) { check(framed.dropFirst().first == whole, bytes, "the second message of a stream is lost") }
        }

        private mutating func check(_ holds: Bool, _ bytes: [UInt8], _ message: String) {
            guard !holds else { return }
            counts.violationCount += 1
            guard counts.violations.count < 16 else { return }
            let hex = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            counts.violations.append("message \(counts.made): \(message): \(hex)")
        }
    }
}
