#if canImport(BodkinNATLab)
import BodkinNATLab
import Glibc

/// What must happen while the process still has one thread.
enum Preparation {
    /// Sets up the standard streams and, for commands of the lab, enters a user namespace unless this is root.
    static func prepare(_ arguments: [String]) {
        LabRights.openStandardStreams()
        if arguments.dropFirst().first == "demo", geteuid() != 0 { LabRights.acquire() }
        guard arguments.count >= 3, arguments[1] == "lab" else { return }
        if ["run", "matrix", "shell"].contains(arguments[2]) {
            if geteuid() != 0 { LabRights.acquire() }
        }
        if arguments[2] == "enter", arguments.count >= 4, geteuid() != 0, let process = Int32(arguments[3]) { LabRights.join(process) }
    }
}
#endif
