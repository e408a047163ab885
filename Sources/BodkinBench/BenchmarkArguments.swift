import Glibc

/// The numbers that may follow the name of a benchmark.
struct BenchmarkArguments {
    private var numbers: [Int]

    /// - Parameters:
    ///   - arguments: the words after the name.
    ///   - names: what each number is, as the usage shows it, and its range.
    init(_ arguments: some Sequence<String>, of benchmark: String, _ names: (String, ClosedRange<Int>)...) {
        let words = Array(arguments)
        numbers = words.compactMap { Int($0) }
        guard numbers.count == words.count, numbers.count <= names.count, zip(numbers, names).allSatisfy({ $1.1.contains($0) }) else {
            let usage = names.map { "[\($0.0)]" }.joined(separator: " ")
            let ranges = names.map { "\($0.0) from \($0.1.lowerBound) to \($0.1.upperBound)" }.joined(separator: ", ")
            print("usage: bodkin-bench \(benchmark) \(usage); \(ranges)")
            exit(EX_USAGE)
        }
    }

    /// The next number; nil where it was left out.
    mutating func next() -> Int? { numbers.isEmpty ? nil : numbers.removeFirst() }
}
