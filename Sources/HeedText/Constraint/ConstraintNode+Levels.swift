// A rule that needs itself, as an object with a required member of its own kind, has no text that ends; one
// that needs another that needs another has none that a walker would reach. Found by the least fixed point:
// on each level, the rules whose texts need those of the levels below alone.

extension ConstraintNode {
  /// The rules without a text that ends within so many levels of rules within rules.
  ///
  /// - Complexity: O(levels * n) for n parts of the rules that need most.
  static func endless(_ rules: [ConstraintNode], levels: Int) -> Set<Int> {
    var endless = Set(rules.indices)
    for _ in 0..<levels {
      let ending = endless.filter { rules[$0].ends(without: endless) }
      if ending.isEmpty { break }
      endless.subtract(ending)
    }
    return endless
  }

  /// Whether a text can end without those rules.
  func ends(without endless: Set<Int>) -> Bool {
    switch self {
    case .literal, .literals, .set, .jsonCharacter, .otherNames, .automaton: true
    case .sequence(let parts): parts.allSatisfy { $0.ends(without: endless) }
    case .choice(let parts): parts.contains { $0.ends(without: endless) }
    case .repeated(let part, let separator, let least, _):
      least == 0
        || part.ends(without: endless)
          && (least == 1 || separator?.ends(without: endless) ?? true)
    case .rule(let rule): !endless.contains(rule)
    case .members(let members): members.ends(without: endless)
    }
  }
}
