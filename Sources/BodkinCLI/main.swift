ProcessStart.note()
PipeDirections.note()
InheritedSignals.note()
#if canImport(BodkinNATLab)
// Before any thread exists: a user namespace can only be entered by a process with one thread.
Preparation.prepare(CommandLine.arguments)
#endif
await BodkinCommand.start()
