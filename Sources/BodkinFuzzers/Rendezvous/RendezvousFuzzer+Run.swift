import BodkinCore
import BodkinProtocols
import Crypto
import FoundationEssentials
import NIOCore

extension RendezvousFuzzer {
    /// One run: its messages, its counts, and what is checked of each byte string.
    struct Run: ~Copyable {
        private var inputs: FuzzedMessages
        private var broker: FuzzedBroker
        private var places = FuzzedPlaces()
        var counts = Counts()

        init(_ inputs: FuzzedMessages) {
            self.inputs = inputs
            broker = FuzzedBroker(inputs.authors)
        }

        mutating func step() {
            counts.made += 1
            let original = inputs.framed()
            switch inputs.random.below(4) {
            case 0:
                counts.garbage += 1
                frame(inputs.garbage())
            case 1, 2:
                counts.mutated += 1
                frame(inputs.mutated(original))
            default: frame(original)
            }
            if inputs.random.chance(8) { address() }
            check(places.step(&inputs.random), "a limit of places does not hold")
        }

        /// A valid message, these bytes, cut at random: what comes out is what is read at once, and nothing is hoarded.
        private mutating func frame(_ bytes: [UInt8]) {
            let first = inputs.framed()
            var pieces = ByteBuffer(bytes: first + bytes)
            var unread = ByteBuffer()
            var bodies: [WireEnvelope.OneOf_Body?] = []
            stream: while let piece = pieces.readSlice(length: min(pieces.readableBytes, 1 + Int(inputs.random.below(20_000)))),
                piece.readableBytes > 0
            {
                unread.writeImmutableBuffer(piece)
                do {
                    while true {
                        let before = unread
                        guard let envelope = try EnvelopeFraming.read(from: &unread) else {
                            check(unread == before, "bytes of a message that is not whole were taken")
                            break
                        }
                        bodies.append(envelope.body)
                    }
                } catch {
                    counts.refused[error, default: 0] += 1
                    break stream
                }
                check(unread.readableBytes < EnvelopeFraming.maximumMessageSize + 3, "framing hoards")
            }
            let isFirstWhole = first.isEmpty || bodies.first.map { body in body.map { Self.bytes(of: $0) } == first } == true
            check(isFirstWhole, "the first message of a stream is lost")
            for body in bodies { if let body { judge(body) } }
        }

        private static func bytes(of body: WireEnvelope.OneOf_Body) -> [UInt8]? {
            var buffer = ByteBuffer()
            guard (try? EnvelopeFraming.write(body, to: &buffer)) != nil else { return nil }
            return Array(buffer.readableBytesView)
        }

        private mutating func judge(_ body: WireEnvelope.OneOf_Body) {
            counts.read += 1
            if let bytes = Self.bytes(of: body) {
                var buffer = ByteBuffer(bytes: bytes)
                let again = try? EnvelopeFraming.read(from: &buffer)
                check(again?.body == body && buffer.readableBytes == 0, "a message is not read as it was written")
            } else {
                // Unknown fields beside the body are not written again, and defaults are shorter: it never grows.
                check(false, "a message that was read cannot be written")
            }
            switch body {
            case .register(let register): judge(register.card)
            case .meet(let meet): judge(meet.card, observed: meet.observed)
            case .signal(let signal): judge(signal.card)
            default: break
            }
            let outcome = broker.take(body, &inputs.random)
            counts.actions += outcome.actions
            counts.endings += outcome.endings
            check(outcome.holds, "the broker exceeds a bound, or says what cannot be written")
        }

        private mutating func judge(_ wire: WireSignedCard, observed: [WireTransportAddress] = []) {
            let author = inputs.authors[Int(inputs.random.below(UInt64(inputs.authors.count)))]
            // Whose card it says it is, as far as that is known: any other owner is refused before anything else is checked.
            let owner = inputs.authors.first { author in author.cards.contains { $0.card == wire.card } } ?? author
            do {
                let card = try Card(wire, of: owner.peer, server: FuzzedMessages.server, now: FuzzedMessages.wallClock)
                counts.cards += 1
                check(owner.cards.contains { $0.card == wire.card }, "a forged card was believed")
                check(
                    card.candidates.count <= Card.maximumCandidateCount && card.expiry > FuzzedMessages.wallClock
                        && card.server == FuzzedMessages.server,
                    "a card out of bounds was believed")
                filter(card, observed.compactMap { $0.endpoint() })
            } catch {
                counts.refusedCards[error, default: 0] += 1
            }
        }

        private mutating func filter(_ card: Card, _ observed: [Endpoint]) {
            let filter = CandidateFilter(
                observed: observed + [Endpoint(IPAddress(v4: 0xCB00_710B), 4000)], ownObserved: [], ownAddresses: [], ownPort: 4000, onLink: [],
                gateways: [])
            for candidate in card.candidates where filter.refusal(of: candidate) == nil {
                counts.candidates += 1
                let isFair = filter.observed.contains { $0.address == candidate.endpoint.address }
                check(isFair && candidate.endpoint.address.scope == .public && candidate.endpoint.port >= 1024, "\(candidate) is let through")
            }
        }

        /// A URL, mostly changed: what is read is read again as it is written.
        private mutating func address() {
            let url = RendezvousURL(
                hosts: [.init("203.0.113.1", 4433), .init("2001:db8::1", 443)], keyHash: FuzzedMessages.server, token: [1, 2, 3, 4, 5, 6, 7, 8])
            let text = String(decoding: inputs.mutated(Array(url.description.utf8)), as: UTF8.self)
            guard let read = try? RendezvousURL(text) else { return }
            counts.urls += 1
            check((try? RendezvousURL(read.description)) == read, "a URL is not read as it is written: \(text)")
        }

        private mutating func check(_ holds: Bool, _ message: String) {
            guard !holds else { return }
            counts.violationCount += 1
            if counts.violations.count < 16 { counts.violations.append("bytes \(counts.made): \(message)") }
        }
    }
}
