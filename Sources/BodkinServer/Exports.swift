// What users of BodkinServer write in their own code, so that one import is enough.
@_exported public import BodkinBroker
