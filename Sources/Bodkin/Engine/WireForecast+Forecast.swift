import BodkinCore
import BodkinPrediction
import BodkinProtocols

extension WireForecast {
    /// The wire format of a forecast.
    init(_ forecast: PortForecast, round: Int) {
        self.init()
        self.round = UInt32(clamping: round)
        external = WireTransportAddress(Endpoint(forecast.address, forecast.port))
        switch forecast.ports {
        case .unknown: allocation = .unknown
        case .fixed: allocation = .kept
        case .sequential(let delta, let count, let index):
            allocation = .counted
            self.delta = Int32(clamping: delta)
            self.count = UInt32(clamping: count)
            self.index = UInt32(clamping: index)
        case .random(let range, let count, let isBlock):
            allocation = isBlock ? .block : .drawn
            lowest = UInt32(range.lowerBound)
            highest = UInt32(range.upperBound)
            self.count = UInt32(clamping: count)
        }
    }

    /// The forecast; nil if it is malformed, or asks for more ports than a search ever tries.
    var forecast: PortForecast? {
        guard let endpoint = external.endpoint(), endpoint.address.family == .v4 else { return nil }
        let ports: PortForecast.Ports
        switch allocation {
        case .kept: ports = .fixed
        case .counted:
            guard (-1024...1024).contains(delta), delta != 0, (1...256).contains(count), index < count else { return nil }
            ports = .sequential(delta: Int(delta), count: Int(count), index: Int(index))
        case .drawn, .block:
            guard let low = UInt16(exactly: lowest), let high = UInt16(exactly: highest), low >= 1024, low <= high, (1...2048).contains(count) else {
                return nil
            }
            ports = .random(low...high, count: min(Int(count), 1024), isBlock: allocation == .block)
        case .unknown, .UNRECOGNIZED: ports = .unknown
        }
        return PortForecast(address: endpoint.address, port: endpoint.port, ports: ports)
    }
}
