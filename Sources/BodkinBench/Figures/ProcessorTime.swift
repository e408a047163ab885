import Glibc

/// Seconds of processor time, in user space and in the kernel (getrusage(2)).
enum ProcessorTime {
    /// Of all threads of this process.
    static var own: Double { seconds(RUSAGE_SELF) }
    /// Of the programs that this process has started and that have ended, and of those that they waited for.
    static var ofEndedPrograms: Double { seconds(RUSAGE_CHILDREN) }

    private static func seconds(_ whose: __rusage_who) -> Double {
        var usage = rusage()
        guard getrusage(__rusage_who_t(whose.rawValue), &usage) == 0 else { return 0 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
}
