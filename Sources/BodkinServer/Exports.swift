// What users of BodkinServer write in their own code, so that one import is enough.
@_exported public import BodkinBroker
@_exported public import BodkinCore
@_exported public import BodkinIdentity

@_exported public import struct BodkinProtocols.RendezvousURL
@_exported public import struct BodkinProtocols.TURNURI
