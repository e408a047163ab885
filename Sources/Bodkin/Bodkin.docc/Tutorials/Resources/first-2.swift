import Bodkin

let arguments = CommandLine.arguments
let identity = try Identity.loadOrCreate(in: arguments[1])

var configuration = Peer.Configuration(identity: identity, rendezvous: try RendezvousURL(arguments[2]))
configuration.admission = .anyone
