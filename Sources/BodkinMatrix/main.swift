import ArgumentParser
import BodkinNATLab

#if canImport(Glibc)
import Glibc
#endif

// Before any thread exists: a user namespace can only be entered by a process with one thread.
LabRights.openStandardStreams()
if getuid() != 0 { LabRights.acquire() }
await MatrixCommand.start()
