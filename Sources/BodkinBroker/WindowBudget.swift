/// What the windows of circuits have grown by, over the accounts of those who dial.
///
/// What a window allows may come to wait in the server when its reader falls silent. So windows share a third of the memory that the server keeps for each account, and
/// for all, and none takes more than half of what is left.
struct WindowBudget {
    /// The part of the memory that is for it.
    private static let part = 3

    private let limit: Int
    private(set) var total = 0
    private var extras: [Account: Int] = [:]

    /// - Parameter memory: what the server keeps for all.
    init(memory: Int) { limit = memory / Self.part }

    /// Takes as much of `count` as there is.
    /// - Parameter memory: what the server keeps for an account.
    mutating func take(_ count: Int, _ accounts: [Account], memory: (Account) -> Int) -> Int {
        let left = accounts.map { memory($0) / Self.part - extras[$0, default: 0] } + [limit - total]
        let granted = max(0, min(count, (left.min() ?? 0) / 2))
        guard granted > 0 else { return 0 }
        total += granted
        for account in accounts { extras[account, default: 0] += granted }
        return granted
    }

    /// Gives it back, with the circuit's end.
    mutating func giveBack(_ count: Int, _ accounts: [Account]) {
        guard count > 0 else { return }
        total -= count
        for account in accounts {
            let rest = extras[account, default: 0] - count
            extras[account] = rest > 0 ? rest : nil
        }
    }
}
