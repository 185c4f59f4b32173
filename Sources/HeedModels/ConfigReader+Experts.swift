public import HeedBlocks
public import HeedFormats

extension ConfigReader {
  /// A layer of experts, checked: each becomes memory before any weight is seen, and a token must
  /// find as many experts and groups as it has to choose.
  ///
  /// - Parameters:
  ///   - key: what the config calls their number.
  ///   - expert: what each of them is.
  ///   - router: how tokens choose.
  ///   - shared: the expert of all tokens.
  public func experts(
    _ key: String, each expert: FeedForwardSpec, router: RouterSpec,
    shared: SharedExpertSpec? = nil
  ) throws(FormatError) -> ExpertsSpec {
    let count = try count(key)
    guard count <= 4096 else {
      throw FormatError(
        .limit, what: "\"\(key)\" is \(count)", place: place, expected: "at most 4096 experts")
    }
    var open = count
    if let groups = router.groups {
      guard count % groups.count == 0, groups.chosenCount <= groups.count,
        groups.bestCount <= count / groups.count
      else {
        throw inconsistent(
          "\(count) experts cannot be chosen from \(groups.chosenCount) of \(groups.count) groups")
      }
      open = count / groups.count * groups.chosenCount
    }
    guard router.chosenCount <= open else {
      throw inconsistent("\(router.chosenCount) experts cannot be chosen from \(open)")
    }
    return ExpertsSpec(expertCount: count, expert: expert, router: router, shared: shared)
  }
}
