// What users of Bodkin write in their own code, so that one import is enough.
@_exported public import BodkinCore
@_exported public import BodkinIdentity
@_exported public import BodkinPrediction
public import BodkinProtocols
public import BodkinTransport

/// Where a rendezvous server is, how it is recognised, and the token that lets one in.
public typealias RendezvousURL = BodkinProtocols.RendezvousURL
/// Which stream of a connection.
public typealias StreamID = BodkinProtocols.StreamID
/// Why a connection or a stream of it can no longer be used.
public typealias ConnectionError = BodkinTransport.ConnectionError
/// Why the network cannot be used as asked.
public typealias TransportError = BodkinTransport.TransportError
