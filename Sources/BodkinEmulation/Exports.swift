// Addresses and endpoints, which users of the laboratory write in their own code.
@_exported public import BodkinCore
