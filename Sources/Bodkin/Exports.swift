// What users of Bodkin write in their own code: peer IDs, endpoints, identities.
@_exported public import BodkinCore
@_exported public import BodkinIdentity
