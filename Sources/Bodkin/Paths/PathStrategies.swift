/// The kinds of path that a dial looks for beside its circuit: one line for each.
enum PathStrategies {
    /// The strategies of a dial, in the order in which they are told what happens.
    static func all(predictsPorts: Bool) -> [any PathStrategy] {
        var strategies: [any PathStrategy] = [SimultaneousOpen()]
        if predictsPorts { strategies.append(PredictedPunch()) }
        strategies.append(TURNRelaying())
        return strategies
    }
}
