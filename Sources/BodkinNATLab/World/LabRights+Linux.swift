#if os(Linux)
import CBodkinNATLab

/// The first step of a program that runs labs, before it has a second thread.
public enum LabRights {
    /// Makes every line of output appear at once, and keeps closed standard descriptors from being taken by something else.
    package static func openStandardStreams() { bodkin_standard_streams() }

    /// Moves the process into a user namespace of its own, in which it may make network namespaces. Where that is refused, the lab says so
    /// when it is built.
    public static func acquire() { _ = bodkin_userns_create() }

    /// Moves the process into the user namespace of a process that runs a lab.
    package static func join(_ process: Int32) { _ = bodkin_userns_join(process) }
}
#endif
