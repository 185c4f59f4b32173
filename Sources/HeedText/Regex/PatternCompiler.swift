// Turns the tree of a pattern into instructions for `PatternMachine`.
//
// The patterns of tokenizers are alternatives of short sequences of character sets, tried at every
// word of a text. Two observations make the general machine fast on them:
// - the first byte of a word rules most alternatives out: a table from byte to the set of those that
//   are left (`choose`);
// - giving characters back after a greedy run is pointless when what follows cannot fail, or begins
//   with characters that the run cannot hold; such runs leave no trace on the stack (`run` with
//   greed `.possessive`).

import HeedFormats

/// One step of a compiled pattern.
struct PatternInstruction: Sendable {
  enum Operation: UInt8, Sendable {
    /// One character of set `a`.
    case set
    /// `b` to `c` characters of set `a`: as many as there are, for good.
    case runPossessive
    /// The same; may give characters back.
    case runGreedy
    /// The same; takes as few as lead to a match.
    case runLazy
    /// Try `a` first, then `b`.
    case split
    case jump
    /// Try those alternatives that table `a` allows; their places follow as jumps.
    case choose
    /// What follows is in set `a` (b = 0) or is not (b = 1), or what stands before (c = 1).
    case lookSet
    /// The program after this one up to `a` is run on its own; b and c as in `lookSet`.
    case look
    /// The program after this one up to `a` is run on its own and its end is taken.
    case atomic
    case anchor
    /// Remembers the position in register `a`.
    case mark
    /// Fails when nothing was taken since `mark`.
    case progress
    case accept
  }

  var operation: Operation
  var a: Int32 = 0
  var b: Int32 = 0
  var c: Int32 = 0
}

struct PatternCompiler {
  private(set) var instructions: [PatternInstruction] = []
  private(set) var sets: [ScalarSet] = []
  private var places: [ScalarSet: Int32] = [:]
  /// Tables of 257 masks: one for each byte, one for the end of the text.
  private(set) var tables: [UInt32] = []
  private(set) var registerCount = 0
  /// Sets that were compared to find runs that need not give back.
  private var comparisons = 0
  private let place: String

  static let maximumSize = 50_000
  /// How much is done to find such runs: without it a pattern finds the same, more slowly.
  private static let comparisonLimit = 1_000_000
  private static let followingLimit = 64

  init(_ node: PatternNode, place: String) throws(FormatError) {
    self.place = place
    try compile(node, rest: [])
    try emit(.init(operation: .accept))
  }

  @discardableResult
  private mutating func emit(_ instruction: PatternInstruction) throws(FormatError) -> Int {
    guard instructions.count < Self.maximumSize else {
      throw FormatError(
        .limit, what: "a pattern that becomes too large", place: place,
        expected: "at most \(Self.maximumSize) steps")
    }
    instructions.append(instruction)
    return instructions.count - 1
  }

  private var here: Int32 { Int32(instructions.count) }

  private mutating func index(of set: ScalarSet) -> Int32 {
    if let known = places[set] { return known }
    let place = Int32(sets.count)
    places[set] = place
    sets.append(set)
    return place
  }

  /// - Parameter rest: what follows up to the end of the match; nil where that is not known.
  private mutating func compile(_ node: PatternNode, rest: [PatternNode]?) throws(FormatError) {
    switch node {
    case .empty: break
    case .set(let set): try emit(.init(operation: .set, a: index(of: set)))
    case .anchor(let anchor):
      try emit(.init(operation: .anchor, a: Self.number(of: anchor)))
    case .sequence(let parts):
      for (place, part) in parts.enumerated() {
        try compile(part, rest: Self.following(parts, place, rest))
      }
    case .alternatives(let branches): try compile(branches: branches, rest: rest)
    case .repetition(let body, let bounds, let greed):
      try compile(repetitionOf: body, bounds, greed, rest: rest)
    case .look(let body, let isBehind, let isNegated):
      try compile(lookAt: body, isBehind: isBehind, isNegated: isNegated)
    case .atomic(let body):
      let start = try emit(.init(operation: .atomic))
      try compile(body, rest: [])
      try emit(.init(operation: .accept))
      instructions[start].a = here
    }
  }

  /// What follows part `place` of a sequence, up to the first part that has to take something: more is
  /// not needed to know what the rest may begin with.
  private static func following(
    _ parts: [PatternNode], _ place: Int, _ rest: [PatternNode]?
  ) -> [PatternNode]? {
    var following: [PatternNode] = []
    for part in parts[(place + 1)...] {
      guard following.count < followingLimit else { return nil }
      following.append(part)
      if case .set = part { return following }
      if case .repetition(.set, let bounds, _) = part, bounds.least > 0 { return following }
    }
    return rest.map { following + $0 }
  }

  static func number(of anchor: PatternNode.Anchor) -> Int32 {
    switch anchor {
    case .textStart: 0
    case .textEnd: 1
    case .textEndOrLastNewline: 2
    case .lineStart: 3
    case .lineEnd: 4
    case .wordEdge: 5
    case .noWordEdge: 6
    }
  }

  // MARK: Alternatives

  private mutating func compile(
    branches: [PatternNode], rest: [PatternNode]?
  ) throws(FormatError) {
    if branches.count > 32 {
      // A table holds 32; more are alternatives of alternatives.
      let size = (branches.count + 31) / 32
      let groups = stride(from: 0, to: branches.count, by: size).map { start in
        PatternNode.alternatives(Array(branches[start..<min(start + size, branches.count)]))
      }
      try compile(branches: groups, rest: rest)
      return
    }
    let table = tables.count / 257
    tables += [UInt32](repeating: 0, count: 257)
    for (number, branch) in branches.enumerated() {
      let first = Self.first(of: [branch])
      let bit = UInt32(1) << UInt32(number)
      for byte in 0..<256 where first?.mayStart(with: UInt8(byte)) ?? true {
        tables[table * 257 + byte] |= bit
      }
      if first?.isNullable ?? true { tables[table * 257 + 256] |= bit }
    }
    try emit(.init(operation: .choose, a: Int32(table), b: Int32(branches.count)))
    let entries = instructions.count
    for _ in branches { try emit(.init(operation: .jump)) }
    var exits: [Int] = []
    for (number, branch) in branches.enumerated() {
      instructions[entries + number].a = here
      try compile(branch, rest: rest)
      if number < branches.count - 1 { exits.append(try emit(.init(operation: .jump))) }
    }
    for exit in exits { instructions[exit].a = here }
  }

  // MARK: Repetitions

  private mutating func compile(
    repetitionOf body: PatternNode, _ bounds: PatternNode.Bounds, _ greed: PatternNode.Greed,
    rest: [PatternNode]?
  ) throws(FormatError) {
    if case .set(let set) = body {
      var operation: PatternInstruction.Operation =
        switch greed {
        case .greedy: .runGreedy
        case .lazy: .runLazy
        case .possessive: .runPossessive
        }
      if greed == .greedy, neverGivesBack(set, rest: rest) { operation = .runPossessive }
      try emit(
        .init(
          operation: operation, a: index(of: set), b: Int32(bounds.least),
          c: bounds.most.map { Int32($0) } ?? .max))
      return
    }
    if greed == .possessive {
      try compile(.atomic(.repetition(body, bounds, .greedy)), rest: rest)
      return
    }
    for _ in 0..<bounds.least { try compile(body, rest: nil) }
    if let most = bounds.most {
      var splits: [Int] = []
      for number in bounds.least..<most {
        splits.append(try emit(.init(operation: .split)))
        try compile(body, rest: number == most - 1 ? rest : nil)
      }
      for split in splits { aim(split, at: Int32(split + 1), or: here, greed) }
      return
    }
    let register = Int32(registerCount)
    registerCount += 1
    let loop = here
    let split = try emit(.init(operation: .split))
    try emit(.init(operation: .mark, a: register))
    try compile(body, rest: nil)
    try emit(.init(operation: .progress, a: register))
    try emit(.init(operation: .jump, a: loop))
    aim(split, at: Int32(split + 1), or: here, greed)
  }

  private mutating func aim(
    _ split: Int, at body: Int32, or exit: Int32, _ greed: PatternNode.Greed
  ) {
    instructions[split].a = greed == .lazy ? exit : body
    instructions[split].b = greed == .lazy ? body : exit
  }

  private mutating func neverGivesBack(_ set: ScalarSet, rest: [PatternNode]?) -> Bool {
    guard let rest, comparisons < Self.comparisonLimit, let first = Self.first(of: rest) else {
      return false
    }
    comparisons += 1 + first.sets.count
    return first.isNullable || first.sets.allSatisfy { set.isDisjoint(from: $0) }
  }

  // MARK: Look-around

  private mutating func compile(
    lookAt body: PatternNode, isBehind: Bool, isNegated: Bool
  ) throws(FormatError) {
    let (b, c): (Int32, Int32) = (isNegated ? 1 : 0, isBehind ? 1 : 0)
    if case .set(let set) = body {
      try emit(.init(operation: .lookSet, a: index(of: set), b: b, c: c))
      return
    }
    if isBehind {
      // `(?<=a|b)` with one character each is a set.
      guard case .alternatives(let branches) = body else { throw refused }
      var members: [ScalarSet] = []
      for branch in branches {
        guard case .set(let set) = branch else { throw refused }
        members.append(set)
      }
      try emit(.init(operation: .lookSet, a: index(of: ScalarSet(members: members)), b: b, c: c))
      return
    }
    let start = try emit(.init(operation: .look, b: b, c: c))
    try compile(body, rest: [])
    try emit(.init(operation: .accept))
    instructions[start].a = here
  }

  private var refused: FormatError {
    FormatError(
      .unsupported, what: "a pattern looks back at more than one character", place: place)
  }

  // MARK: What a match may begin with

  struct First {
    var sets: [ScalarSet] = []
    /// Nothing has to be taken, and nothing can fail.
    var isNullable = true

    func mayStart(with byte: UInt8) -> Bool {
      isNullable || sets.contains { byte < 128 ? $0.holdsASCII(byte) : !$0.isASCIIOnly }
    }
  }

  /// The characters that nodes, one after the other, may begin with; nil when that is not known.
  static func first(of nodes: [PatternNode]) -> First? {
    var result = First()
    for node in nodes {
      let next: First
      switch node {
      case .empty: next = First()
      case .set(let set): next = First(sets: [set], isNullable: false)
      case .sequence(let parts):
        guard let first = first(of: parts) else { return nil }
        next = first
      case .alternatives(let branches):
        var union = First(sets: [], isNullable: false)
        for branch in branches {
          guard let first = first(of: [branch]) else { return nil }
          union.sets += first.sets
          union.isNullable = union.isNullable || first.isNullable
        }
        next = union
      case .repetition(let body, let bounds, _):
        guard var first = first(of: [body]) else { return nil }
        if bounds.least == 0 { first.isNullable = true }
        next = first
      case .atomic(let body):
        guard let first = first(of: [body]) else { return nil }
        next = first
      case .look, .anchor:
        // They take nothing but can fail. What was found before them stands if it has to be taken.
        return nil
      }
      result.sets += next.sets
      if !next.isNullable {
        result.isNullable = false
        return result
      }
    }
    return result
  }
}
