import BodkinCore
import BodkinNATLab

/// Something that misbehaves around a daemon while others dial it. Each is over within five seconds.
enum FieldFault: String, CaseIterable, Sendable {
    /// The server ends in good order, or is killed, and comes back.
    case serverRestarted = "server restarted"
    case serverKilled = "server killed"
    /// The name has no address, a dead one before the right one, or leads to the server's other address, where the server is from then on.
    case nameGone = "name gone"
    case nameDead = "dead address"
    case nameMoved = "server moved"
    /// Nothing passes, in one direction or both; or a third of the packets is lost.
    case linkDown = "link down"
    case silenceUp = "blackhole, outwards"
    case silenceDown = "blackhole, inwards"
    case loss = "loss"
    /// The NAT forgets everything, or has another outside address as well.
    case reboot = "NAT reboot"
    case address = "address change"
    /// The address of the interface is taken away, and given back.
    case interface = "interface change"
    /// The wall clock jumps.
    case clockAhead = "clock ahead"
    case clockBehind = "clock behind"
    /// The daemon may open four descriptors more than it has, for five seconds.
    case descriptors = "few descriptors"

    /// Whether a dial may be refused meanwhile: what has no descriptor cannot be served.
    var excusesRefusal: Bool { self == .descriptors }

    /// How long it lasts.
    static let duration = Duration.seconds(4)
}
