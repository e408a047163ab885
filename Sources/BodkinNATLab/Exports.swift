// A world of the lab is an emulated network with real hosts, so that its users need both.
@_exported public import BodkinEmulation
