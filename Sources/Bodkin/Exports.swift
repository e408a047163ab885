// What users of Bodkin write in their own code, so that one import is enough.
@_exported public import BodkinCore
@_exported public import BodkinIdentity
@_exported public import BodkinPrediction

@_exported public import struct BodkinProtocols.ProxyURL
@_exported public import struct BodkinProtocols.RendezvousURL
@_exported public import struct BodkinProtocols.StreamID
@_exported public import struct BodkinTransport.ConnectionError
@_exported public import struct BodkinTransport.TransportError
