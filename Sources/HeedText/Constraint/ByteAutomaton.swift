// A tree of what a text may be as a non-deterministic automaton over bytes (Thompson 1968). Bytes,
// not characters, because tokens of byte-level vocabularies may end in the middle of a character.
// Sets of characters become ranges of bytes by cutting them where UTF-8 changes its length or its
// continuation bytes (Cox 2010, "Regular expression matching in the wild").
//
// What may stand within itself, as lists in lists, is a rule: an automaton of its own that is called.
// Whoever walks pushes where to go on, and pops it at the rule's end (Woods 1970, "Transition network
// grammars for natural language analysis"). A rule that begins with itself would be called for ever and
// is refused; states from which no text can end are cut off, so that nobody walks into them.

import HeedFormats

/// States, arrows with ranges of bytes, and arrows that cost nothing.
struct ByteAutomaton: Sendable {
  struct Arrow: Sendable {
    let bytes: ClosedRange<UInt8>
    let target: Int
  }

  private(set) var arrows: [[Arrow]] = []
  private(set) var free: [[Int]] = []
  /// Rules that are called from each state, and where to go on behind them.
  private(set) var calls: [[(rule: Int, next: Int)]] = []
  private(set) var start = 0
  private(set) var end = 0
  /// Where each rule begins and ends.
  private(set) var rules: [(start: Int, end: Int)] = []
  /// Whether a state is the end of a rule.
  private(set) var isRuleEnd: [Bool] = []
  private let place: String

  /// More states than this are refused: patterns of that size are attacks or mistakes.
  private static let stateLimit = 400_000

  init(
    _ node: ConstraintNode, rules nodes: [ConstraintNode] = [], place: String
  ) throws(FormatError) {
    self.place = place
    start = try state()
    end = try state()
    for _ in nodes { rules.append((try state(), try state())) }
    try build(node, from: start, to: end)
    for (rule, node) in zip(rules, nodes) {
      try build(node, from: rule.start, to: rule.end)
      isRuleEnd[rule.end] = true
    }
    cutDeadEnds()
    guard !leads(start).isEmpty || start == end else {
      throw FormatError(.inconsistent, what: "nothing can match this", place: place)
    }
    try refuseLeftRecursion()
  }

  /// An automaton without rules, of arrows that are known.
  ///
  /// - Throws: `FormatError` when no text leads from the start to the end.
  init(
    arrows: [[Arrow]], free: [[Int]], start: Int, end: Int, place: String
  ) throws(FormatError) {
    (self.arrows, self.free, self.start, self.end) = (arrows, free, start, end)
    self.place = place
    calls = [[(rule: Int, next: Int)]](repeating: [], count: arrows.count)
    isRuleEnd = [Bool](repeating: false, count: arrows.count)
    cutDeadEnds()
    guard !leads(start).isEmpty || start == end else {
      throw FormatError(.inconsistent, what: "nothing can match this", place: place)
    }
  }

  /// A state without arrows.
  mutating func state() throws(FormatError) -> Int {
    guard arrows.count < Self.stateLimit else {
      throw FormatError(
        .limit, what: "an automaton of more than \(Self.stateLimit) states", place: place,
        hint: "shorten lengths and counts")
    }
    arrows.append([])
    free.append([])
    calls.append([])
    isRuleEnd.append(false)
    return arrows.count - 1
  }

  /// An arrow that costs nothing.
  mutating func addFree(_ from: Int, _ to: Int) { free[from].append(to) }

  /// The states that a state leads to, whatever for.
  private func leads(_ state: Int) -> [Int] {
    free[state] + arrows[state].map(\.target) + calls[state].map(\.next)
  }

  /// Takes away what leads to states from which no text can end.
  private mutating func cutDeadEnds() {
    var before = [[(state: Int, rule: Int?)]](repeating: [], count: arrows.count)
    for state in arrows.indices {
      for next in free[state] + arrows[state].map(\.target) { before[next].append((state, nil)) }
      for call in calls[state] { before[call.next].append((state, call.rule)) }
    }
    var lives = [Bool](repeating: false, count: arrows.count)
    // Calls of rules that are not known to end yet.
    var waiting = [[Int]](repeating: [], count: rules.count)
    var open = [end] + rules.map(\.end)
    for state in open { lives[state] = true }
    let ruleOfStart = Dictionary(
      rules.enumerated().map { ($1.start, $0) }, uniquingKeysWith: { first, _ in first })
    while let state = open.popLast() {
      var found: [Int] = []
      for (previous, rule) in before[state] {
        if let rule, !lives[rules[rule].start] {
          waiting[rule].append(previous)
        } else {
          found.append(previous)
        }
      }
      if let rule = ruleOfStart[state] { found += waiting[rule] }
      for previous in found where !lives[previous] {
        lives[previous] = true
        open.append(previous)
      }
    }
    for state in arrows.indices {
      arrows[state].removeAll { !lives[$0.target] }
      free[state].removeAll { !lives[$0] }
      calls[state].removeAll { !lives[$0.next] || !lives[rules[$0.rule].start] }
    }
  }

  /// The rules that may be called from a state before any byte.
  private func firstCalls(_ state: Int) -> Set<Int> {
    var seen: Set<Int> = [state]
    var open = [state]
    var found: Set<Int> = []
    while let state = open.popLast() {
      found.formUnion(calls[state].map(\.rule))
      for next in free[state] where seen.insert(next).inserted { open.append(next) }
    }
    return found
  }

  /// Takes away rules that no other one begins with, one after the other (Kahn 1962); what is left goes
  /// round in a circle.
  private func refuseLeftRecursion() throws(FormatError) {
    let first = rules.map { firstCalls($0.start) }
    var callers = [Int](repeating: 0, count: rules.count)
    for rule in first.joined() { callers[rule] += 1 }
    var open = rules.indices.filter { callers[$0] == 0 }
    var taken = 0
    while let rule = open.popLast() {
      taken += 1
      for next in first[rule] {
        callers[next] -= 1
        if callers[next] == 0 { open.append(next) }
      }
    }
    guard taken == rules.count else {
      throw FormatError(
        .unsupported, what: "a part that begins with itself", place: place,
        hint: "put a list or an object between")
    }
  }

  /// The texts of a node between two states.
  mutating func build(
    _ node: ConstraintNode, from: Int, to: Int
  ) throws(FormatError) {
    switch node {
    case .literal(let bytes):
      var present = from
      for byte in bytes {
        let next = try state()
        arrows[present].append(Arrow(bytes: byte...byte, target: next))
        present = next
      }
      free[present].append(to)
    case .literals(let texts): try build(texts, from: from, to: to)
    case .set(let set): try build(ranges: set.scalarRanges, from: from, to: to)
    case .jsonCharacter(let set):
      let plain = ScalarSet(
        ranges: [0x20...0x21, 0x23...0x5B, 0x5D...0x10FFFF])
      try build(
        ranges: ScalarSet.intersection(set.scalarRanges, plain.scalarRanges), from: from, to: to)
      let escapes = [
        (UInt32(0x22), "\""), (0x5C, "\\"), (0x0A, "n"), (0x0D, "r"), (0x09, "t"), (0x08, "b"),
        (0x0C, "f"),
      ].filter { set.holds($0.0) }
      if escapes.isEmpty { return }
      let backslash = try state()
      arrows[from].append(Arrow(bytes: 0x5C...0x5C, target: backslash))
      for (_, letter) in escapes {
        arrows[backslash] += letter.utf8.map { Arrow(bytes: $0...$0, target: to) }
      }
    case .sequence(let parts):
      var present = from
      for part in parts {
        let next = try state()
        try build(part, from: present, to: next)
        present = next
      }
      free[present].append(to)
    case .choice(let parts):
      // A walker would follow them all at once.
      guard parts.count <= ConstraintWalker.placeLimit.one else {
        throw FormatError(
          .limit, what: "a choice of \(parts.count)", place: place,
          expected: "at most \(ConstraintWalker.placeLimit.one) that are no single values")
      }
      for part in parts {
        let first = try state()
        free[from].append(first)
        try build(part, from: first, to: to)
      }
    case .repeated(let part, let separator, let least, let most):
      try build(part, separator, least, most, from: from, to: to)
    case .rule(let rule): calls[from].append((rule, to))
    case .members(let members): try build(members, from: from, to: to)
    case .otherNames(let names): try build(otherThan: names, from: from, to: to)
    case .automaton(let automaton): try build(automaton, from: from, to: to)
    }
  }

  /// The states of an automaton without rules that its start leads to.
  private mutating func build(
    _ automaton: ByteAutomaton, from: Int, to: Int
  ) throws(FormatError) {
    var states = [automaton.start: from]
    var open = [automaton.start]
    while let old = open.popLast(), let new = states[old] {
      for next in automaton.leads(old) where states[next] == nil {
        states[next] = try state()
        open.append(next)
      }
      arrows[new] += automaton.arrows[old].compactMap { arrow in
        states[arrow.target].map { Arrow(bytes: arrow.bytes, target: $0) }
      }
      free[new] += automaton.free[old].compactMap { states[$0] }
    }
    if let end = states[automaton.end] { free[end].append(to) }
  }

  /// A tree: in the order of the texts, what one begins with as the one before is there already.
  private mutating func build(_ texts: [[UInt8]], from: Int, to: Int) throws(FormatError) {
    var before: [UInt8] = []
    var path = [from]
    for text in texts.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      let shared = zip(before, text).prefix { $0 == $1 }.count
      path.removeLast(path.count - 1 - shared)
      for byte in text[shared...] {
        let next = try state()
        arrows[path[path.count - 1]].append(Arrow(bytes: byte...byte, target: next))
        path.append(next)
      }
      free[path[path.count - 1]].append(to)
      before = text
    }
  }

  private mutating func build(
    _ part: ConstraintNode, _ separator: ConstraintNode?, _ least: Int, _ most: Int?, from: Int,
    to: Int
  ) throws(FormatError) {
    if let most, most < least { return }  // nothing matches
    if least == 0 { free[from].append(to) }
    if most == 0 { return }
    // The needed ones, one after the other; then either a loop or as many as may be.
    var present = from
    let copies = max(1, most ?? least)
    for copy in 0..<copies {
      var begin = try state()
      free[present].append(begin)
      if copy > 0, let separator {
        let next = try state()
        try build(separator, from: begin, to: next)
        begin = next
      }
      let done = try state()
      try build(part, from: begin, to: done)
      if copy + 1 >= least { free[done].append(to) }
      if copy == copies - 1, most == nil {
        // Once more: through the separator, or straight.
        let again = try state()
        if let separator {
          try build(separator, from: done, to: again)
        } else {
          free[done].append(again)
        }
        free[again].append(begin)
      }
      present = done
    }
  }

  // MARK: Characters as bytes

  /// What is left of an encoding leads to one state wherever it is left: a character of a large set takes
  /// some states, not hundreds (as RE2 does, Cox 2010).
  private mutating func build(
    ranges: [ClosedRange<UInt32>], from: Int, to: Int
  ) throws(FormatError) {
    var tails: [ArraySlice<ClosedRange<UInt8>>: Int] = [:]
    for range in ranges {
      for cut in Self.byLength(range) {
        try build(sequence: cut, from: from, to: to, tails: &tails)
      }
    }
  }

  /// A range of scalars in parts whose encodings have one length.
  private static func byLength(_ range: ClosedRange<UInt32>) -> [ClosedRange<UInt32>] {
    let lengths: [ClosedRange<UInt32>] = [
      0...0x7F, 0x80...0x7FF, 0x800...0xD7FF, 0xE000...0xFFFF, 0x10000...0x10FFFF,
    ]
    return ScalarSet.intersection([range], lengths)
  }

  private mutating func build(
    sequence range: ClosedRange<UInt32>, from: Int, to: Int,
    tails: inout [ArraySlice<ClosedRange<UInt8>>: Int]
  ) throws(FormatError) {
    // Where the leading part of the encoding changes, the range is cut until the continuation bytes
    // of each part run over all of their values or are the same.
    for shift in [UInt32(6), 12, 18] {
      let low = (UInt32(1) << shift) - 1
      let (first, last) = (range.lowerBound, range.upperBound)
      guard last > 0x7F, first & ~low != last & ~low else { continue }
      if first & low != 0 {
        let middle = first | low
        try build(sequence: first...middle, from: from, to: to, tails: &tails)
        return try build(sequence: middle + 1...last, from: from, to: to, tails: &tails)
      }
      if last & low != low {
        let middle = last & ~low
        try build(sequence: first...middle - 1, from: from, to: to, tails: &tails)
        return try build(sequence: middle...last, from: from, to: to, tails: &tails)
      }
    }
    let bytes = zip(Self.encoded(range.lowerBound), Self.encoded(range.upperBound))
      .map { $0...$1 }
    var next = to
    for place in bytes.indices.dropFirst().reversed() {
      let tail = bytes[place...]
      if let known = tails[tail] {
        next = known
        continue
      }
      let present = try state()
      arrows[present].append(Arrow(bytes: bytes[place], target: next))
      tails[tail] = present
      next = present
    }
    if let first = bytes.first { arrows[from].append(Arrow(bytes: first, target: next)) }
  }

  private static func encoded(_ value: UInt32) -> [UInt8] {
    Unicode.Scalar(value).map { Array(UTF8.encode($0) ?? .init()) } ?? []
  }
}
