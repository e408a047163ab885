/// Objects that are watched without being held: what of them is still in memory when it should be gone.
package struct Remains: CustomStringConvertible {
    private struct Reference {
        weak var object: AnyObject?
        let kind: String
    }

    private var references: [ObjectIdentifier: Reference] = [:]

    package init() {}

    /// Watches objects, each by its kind, from now on.
    package mutating func watch(_ objects: [(kind: String, object: AnyObject)]) {
        for (kind, object) in objects where references[ObjectIdentifier(object)]?.object == nil {
            references[ObjectIdentifier(object)] = Reference(object: object, kind: kind)
        }
    }

    /// How many objects have been watched.
    package var watchedCount: Int { references.count }

    /// Whether all of them are gone.
    package var isEmpty: Bool { references.values.allSatisfy { $0.object == nil } }

    /// The kinds of those that are still there, each with their number.
    package var description: String {
        Dictionary(grouping: references.values.filter { $0.object != nil }, by: \.kind).map { "\($0.key) \($0.value.count)" }.sorted()
            .joined(separator: ", ")
    }
}
