// Texts that two automata both accept: an automaton of pairs of their states, of which those are made that
// a text can come to (Rabin and Scott 1959). Pairs may be as many as the product of the states, so they are
// counted, and so is what is compared for them.

import HeedFormats

extension ByteAutomaton {
  /// More pairs than this are refused.
  private static let pairLimit = 100_000
  /// Arrows that are compared with each other, in all of a document: many small conditions take as long as
  /// a large one.
  private static let workLimit = 50_000_000
  /// What a state costs, in such comparisons.
  private static let stateWork = 100

  /// The texts that match all of the nodes, which hold no rules.
  ///
  /// - Parameter work: what was done for other conditions of the document, and then for these too.
  /// - Throws: `FormatError`, `inconsistent` when there are none and `limit` when it takes too many states.
  init(
    common nodes: [ConstraintNode], place: String, work: inout Int
  ) throws(FormatError) {
    var common = try ByteAutomaton(nodes.first ?? .empty, place: place)
    work += common.arrows.count * Self.stateWork
    for node in nodes.dropFirst() {
      let other = try ByteAutomaton(node, place: place)
      work += other.arrows.count * Self.stateWork
      common = try common.intersection(other, place: place, work: &work)
    }
    self = common
  }

  /// The texts that both accept.
  private func intersection(
    _ other: ByteAutomaton, place: String, work: inout Int
  ) throws(FormatError) -> ByteAutomaton {
    struct Pair: Hashable {
      let left: Int
      let right: Int
    }
    var (lefts, rights) = (Steps(of: self), Steps(of: other))
    var pairs = [Pair(left: start, right: other.start)]
    var numbers = [pairs[0]: 0]
    var accepting: [Int] = []
    var arrows: [[Arrow]] = []
    while arrows.count < pairs.count {
      let pair = pairs[arrows.count]
      let (left, right) = (lefts[pair.left], rights[pair.right])
      if left.accepts, right.accepts { accepting.append(arrows.count) }
      var found: [Arrow] = []
      for one in left.arrows {
        for other in right.arrows where one.bytes.overlaps(other.bytes) {
          let next = Pair(left: one.target, right: other.target)
          let number = numbers[next] ?? pairs.count
          if number == pairs.count {
            numbers[next] = number
            pairs.append(next)
          }
          found.append(Arrow(bytes: one.bytes.clamped(to: other.bytes), target: number))
        }
      }
      arrows.append(found)
      work += left.arrows.count * right.arrows.count + Self.stateWork
      guard pairs.count <= Self.pairLimit, work <= Self.workLimit else {
        throw FormatError(
          .limit, what: "conditions that are too large to be met at once", place: place,
          expected: "at most \(Self.pairLimit) states",
          hint: "shorten patterns, lengths and multiples, or say them as one pattern")
      }
    }
    let end = arrows.count
    var free = [[Int]](repeating: [], count: end + 1)
    for number in accepting { free[number] = [end] }
    return try ByteAutomaton(
      arrows: arrows + [[]], free: free, start: 0, end: end, place: place)
  }
}

/// Where a byte leads from each state, arrows that cost nothing taken before it.
private struct Steps {
  typealias Step = (arrows: [ByteAutomaton.Arrow], accepts: Bool)

  private let automaton: ByteAutomaton
  private var known: [Int: Step] = [:]

  init(of automaton: ByteAutomaton) { self.automaton = automaton }

  subscript(state: Int) -> Step {
    mutating get {
      if let step = known[state] { return step }
      var seen: Set<Int> = [state]
      var open = [state]
      var step: Step = ([], false)
      while let place = open.popLast() {
        step.arrows += automaton.arrows[place]
        if place == automaton.end { step.accepts = true }
        for next in automaton.free[place] where seen.insert(next).inserted { open.append(next) }
      }
      known[state] = step
      return step
    }
  }
}
