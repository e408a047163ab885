import BodkinPrediction
import Testing

@Suite("How late in a burst one aims")
struct AimWindowTests {
    @Test("the size follows from the noise and the time", arguments: [(0.0, 16, 8), (20, 16, 8), (100, 32, 27), (1000, 192, 187)])
    func size(noise: Double, count: Int, index: Int) throws {
        let window = try #require(AimWindow(noise: noise, time: .milliseconds(150)))
        #expect(window.count == count && window.index == index, "\(window)")
    }

    @Test("the bound decides the size, the rate the probability")
    func uncertain() throws {
        let sure = try #require(AimWindow(noise: 100, time: .milliseconds(150)))
        let unsure = try #require(AimWindow(noise: NoiseEstimate(rate: 20, bound: 100), time: .milliseconds(150)))
        #expect(unsure.count == sure.count && unsure.index == sure.index)
        #expect(unsure.probability > 0.997 && unsure.probability > sure.probability)
    }

    @Test("the limit is kept, and the aim stays inside the burst", arguments: [16, 20, 64, 256, 10_000])
    func limit(limit: Int) throws {
        for noise in [0.0, 1, 30, 300, 3000, 1e9] {
            let window = try #require(AimWindow(noise: noise, time: .seconds(1), limit: limit))
            #expect(window.count <= min(limit, 256) && window.count >= 16)
            #expect((0..<window.count).contains(window.index))
            #expect((0...1).contains(window.probability) && (0...1).contains(window.probabilityOfSingle))
        }
    }

    @Test("there is no window without room for the smallest burst, or without a number")
    func none() {
        #expect(AimWindow(noise: 1, time: .zero, limit: 15) == nil)
        #expect(AimWindow(noise: .nan, time: .zero) == nil)
        #expect(AimWindow(noise: .infinity, time: .zero) == nil)
    }

    @Test("a time or a noise below zero is none")
    func negative() {
        #expect(AimWindow(noise: -5, time: .seconds(1)) == AimWindow(noise: 0, time: .seconds(1)))
        #expect(AimWindow(noise: 50, time: .seconds(-1))?.index == 8)
    }
}
