import ArgumentParser

#if canImport(BodkinNATLab)
// Before any thread exists: a user namespace can only be entered by a process with one thread.
Preparation.prepare(CommandLine.arguments)
#endif
/// Chooses the asynchronous one of the two `main()`s.
func start() async { await BodkinCommand.main() }
await start()
