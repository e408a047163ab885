/// What must hold in a table between any two packets.
extension NATTable {
    /// What does not hold, in words; nil where all does.
    package var inconsistency: String? {
        if sessions.count > parameters.tableSize { return "\(sessions.count) sessions in a table for \(parameters.tableSize)" }
        if mappingByInside.count != mappings.count { return "\(mappings.count) mappings, \(mappingByInside.count) found from inside" }
        if mappingByOutside.count != mappings.count { return "\(mappings.count) mappings, \(mappingByOutside.count) found from outside" }
        let onPorts = mappingsOfPort.values.reduce(0) { $0 + $1.count }
        if onPorts != mappings.count { return "\(mappings.count) mappings, \(onPorts) found by port" }
        if mappings.values.contains(where: \.sessions.isEmpty) { return "a mapping without a session" }
        let held = mappings.values.reduce(0) { $0 + $1.sessions.count }
        if held != sessions.count { return "\(sessions.count) sessions, \(held) of them on mappings" }
        // A host that talks to itself has one flow in both directions.
        let flows = sessions.values.reduce(0) { $0 + ($1.inside == $1.outside ? 1 : 2) }
        if sessionByFlow.count != flows { return "\(flows) flows, \(sessionByFlow.count) found" }
        let contacts = mappings.values.reduce(0) { $0 + $1.contacts.values.reduce(0, +) }
        if contacts != sessions.values.count(where: \.isContact) { return "\(contacts) contacts counted" }
        return nil
    }
}
