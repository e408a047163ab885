import BodkinNATLab
import Glibc

/// Figures of the laboratory, each with its target. Absolute times drift on shared machines: medians of several runs, in one process.
print("kernel \(Lab.kernelRelease), \(sysconf(Int32(_SC_NPROCESSORS_ONLN))) processors, seed \(TableBenchmark.seed)\n")
TableBenchmark.run()
do {
    try await LabBenchmark.run()
} catch let error as LabError {
    print("\(error.message)")
    exit(error.exitStatus)
}
