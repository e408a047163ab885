import Testing

/// Peers and servers that lie, unknown hosts, impostors: what they can cause, read from the packets of the lab.
@Suite(
    "Abuse", .serialized, .timeLimit(.minutes(1)),
    .enabled("needs root or an unprivileged user namespace, and /dev/net/tun") { await Laboratory.isAvailable })
struct AbuseTests {}
