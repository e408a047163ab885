import Bodkin

let arguments = CommandLine.arguments
let identity = try Identity.loadOrCreate(in: arguments[1])
print(identity.peerID)
