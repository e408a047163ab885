#if os(Linux)
import CBodkinSystem

/// The right to make network namespaces. Call these before the process has a second thread.
public enum LabRights {
    /// Moves the process into a user namespace of its own, in which it may make network namespaces. Where that is refused, the lab says so
    /// when it is built.
    public static func acquire() { _ = bodkin_userns_create() }

    /// Moves the process into the user namespace of a process that runs a lab.
    public static func join(_ process: Int32) { _ = bodkin_userns_join(process) }
}
#endif
