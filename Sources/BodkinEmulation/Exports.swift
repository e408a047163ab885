// Addresses and endpoints, which users of the lab write in their own code.
@_exported public import BodkinCore
