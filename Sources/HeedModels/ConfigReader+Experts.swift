public import HeedBlocks
public import HeedFormats

extension ConfigReader {
  /// The number of experts; limited, because each becomes memory before any weight is seen.
  public func expertCount(_ key: String) throws(FormatError) -> Int {
    let count = try count(key)
    guard count <= 4096 else {
      throw FormatError(
        .limit, what: "\"\(key)\" is \(count)", place: place, expected: "at most 4096 experts")
    }
    return count
  }

  /// Throws when a token cannot choose as many experts or groups as `experts` says.
  public func check(_ experts: ExpertsSpec) throws(FormatError) {
    let (count, chosen) = (experts.expertCount, experts.router.chosenCount)
    var open = count
    if let groups = experts.router.groups {
      guard count % groups.count == 0, groups.chosenCount <= groups.count,
        groups.bestCount <= count / groups.count
      else {
        throw inconsistent(
          "\(count) experts cannot be chosen from \(groups.chosenCount) of \(groups.count) groups")
      }
      open = count / groups.count * groups.chosenCount
    }
    guard chosen <= open else {
      throw inconsistent("\(chosen) experts cannot be chosen from \(open)")
    }
  }
}
