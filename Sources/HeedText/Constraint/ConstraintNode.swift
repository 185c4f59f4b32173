import HeedFormats

/// What a text has to look like, as a tree over characters.
indirect enum ConstraintNode: Sendable {
  /// These bytes.
  case literal([UInt8])
  /// One of these, as a tree of their beginnings: a list may be as long as a file.
  case literals([[UInt8]])
  /// One character of a set.
  case set(ScalarSet)
  /// One character of a set, written as within a JSON string: quotes, backslashes and control
  /// characters with a backslash.
  case jsonCharacter(ScalarSet)
  /// One after the other.
  case sequence([ConstraintNode])
  /// One of them.
  case choice([ConstraintNode])
  /// As often as the bounds say, with a separator between.
  case repeated(ConstraintNode, separator: ConstraintNode?, least: Int, most: Int?)
  /// A rule of the grammar, by its number: what may stand within itself.
  case rule(Int)
  /// Some of several in their order.
  case members(ConstraintMembers)
  /// Characters as within a JSON string, which are not those of one of the names.
  case otherNames([String])
  /// What an automaton without rules accepts, such as what several conditions have in common.
  case automaton(ByteAutomaton)

  static let empty = ConstraintNode.literal([])

  /// What no text is.
  static let nothing = ConstraintNode.choice([])

  static func text(_ text: String) -> ConstraintNode { .literal(Array(text.utf8)) }

  static func optional(_ node: ConstraintNode) -> ConstraintNode {
    .repeated(node, separator: nil, least: 0, most: 1)
  }

  static func ascii(_ characters: String) -> ConstraintNode {
    .set(ScalarSet(ranges: characters.unicodeScalars.map { $0.value...$0.value }))
  }
}

extension ConstraintNode {
  /// The texts that a pattern matches as a whole.
  ///
  /// - Parameters:
  ///   - isAnchored: whether the pattern has to match from the first character to the last; otherwise
  ///     it may stand anywhere, unless it, or one of its alternatives, says `^` or `$` itself.
  ///   - character: how one character is written.
  /// - Throws: `FormatError` for what a finite automaton cannot do: looking around, edges of words.
  init(
    pattern: String, options: PatternOptions, place: String, isAnchored: Bool,
    character: @escaping (ScalarSet) -> ConstraintNode = { .set($0) }
  ) throws(FormatError) {
    var parser = PatternParser(pattern, place: place, options: options)
    let node = try parser.parse()
    let branches = if case .alternatives(let branches) = node { branches } else { [node] }
    let anything =
      isAnchored
      ? .empty : ConstraintNode.repeated(character(.any), separator: nil, least: 0, most: nil)
    // Those that may stand anywhere share what stands around them.
    var (anywhere, choices): ([ConstraintNode], [ConstraintNode]) = ([], [])
    for branch in branches {
      let (core, isStart, isEnd) = Self.anchored(branch)
      let lowered = try Self.lowered(core, place, character)
      if isStart || isEnd {
        choices.append(
          .sequence([isStart ? .empty : anything, lowered, isEnd ? .empty : anything]))
      } else {
        anywhere.append(lowered)
      }
    }
    if !anywhere.isEmpty { choices.append(.sequence([anything, .choice(anywhere), anything])) }
    self = .choice(choices)
  }

  /// A branch without the anchors at its ends, and whether it had them.
  private static func anchored(
    _ branch: PatternNode
  ) -> (core: PatternNode, isStart: Bool, isEnd: Bool) {
    var parts = if case .sequence(let parts) = branch { parts } else { [branch] }
    let isStart = parts.first == .anchor(.textStart)
    if isStart { parts.removeFirst() }
    let isEnd = parts.last.map(Self.isEnd) ?? false
    if isEnd { parts.removeLast() }
    return (.sequence(parts), isStart, isEnd)
  }

  private static func isEnd(_ node: PatternNode) -> Bool {
    node == .anchor(.textEnd) || node == .anchor(.textEndOrLastNewline)
  }

  private static func lowered(
    _ node: PatternNode, _ place: String, _ character: (ScalarSet) -> ConstraintNode
  ) throws(FormatError) -> ConstraintNode {
    func all(_ nodes: [PatternNode]) throws(FormatError) -> [ConstraintNode] {
      var result: [ConstraintNode] = []
      for node in nodes { result.append(try lowered(node, place, character)) }
      return result
    }
    switch node {
    case .empty: return .empty
    case .set(let set): return character(set)
    case .sequence(let parts): return .sequence(try all(parts))
    case .alternatives(let parts): return .choice(try all(parts))
    // How much a repetition takes first makes no difference to whether a text matches.
    case .repetition(let inner, let bounds, let greed) where greed != .possessive:
      return .repeated(
        try lowered(inner, place, character), separator: nil, least: bounds.least,
        most: bounds.most)
    default:
      throw FormatError(
        .unsupported,
        what: "a pattern that looks around, has an edge in its middle, or is possessive",
        place: place, expected: "characters, sets, groups, | and repetitions")
    }
  }
}
