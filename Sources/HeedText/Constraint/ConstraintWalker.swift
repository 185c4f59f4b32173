// Which tokens may come next is found by walking the bytes of all tokens at once, along a tree of
// their beginnings, through the automaton made deterministic as far as it is needed. The answer is
// kept for each state, so a state that comes again, as within a long string, costs a look-up.

/// Walks through a constraint token by token.
public struct ConstraintWalker: Sendable {
  /// The state of texts that cannot be completed.
  public static let deadState = -1

  private let automaton: ByteAutomaton
  private let trie: TokenTrie
  private var sets: [[Int]] = []
  private var numbers: [[Int]: Int] = [:]
  /// `[state * 256 + byte]`; -2 where not known yet.
  private var steps: [Int32] = []
  private var allowed: [Int: [Int]] = [:]

  /// States made deterministic before a text counts as one that cannot be completed.
  private static let stateLimit = 200_000

  /// The walker of a constraint over the vocabulary of a tokenizer. State 0 is the beginning.
  ///
  /// - Complexity: O(bytes of the vocabulary).
  public init(_ constraint: TextConstraint, _ tokenizer: any Tokenizer) {
    self.init(constraint, TokenTrie(tokenizer))
  }

  /// The walker over tokens of the given bytes; nil for those that are no text.
  package init(_ constraint: TextConstraint, tokens: [[UInt8]?]) {
    self.init(constraint, TokenTrie(tokens))
  }

  /// The walker over a vocabulary that is known already.
  package init(_ constraint: TextConstraint, _ vocabulary: TokenTrie) {
    automaton = constraint.automaton
    trie = vocabulary
    _ = number(of: closure([automaton.start]))
  }

  /// All states that are reached for nothing, sorted; without those that only lead on for nothing.
  private func closure(_ states: [Int]) -> [Int] {
    var seen = Set(states)
    var open = states
    while let state = open.popLast() {
      for next in automaton.free[state] where seen.insert(next).inserted { open.append(next) }
    }
    return seen.filter { !automaton.arrows[$0].isEmpty || $0 == automaton.end }.sorted()
  }

  private mutating func number(of set: [Int]) -> Int {
    if set.isEmpty { return Self.deadState }
    if let known = numbers[set] { return known }
    guard sets.count < Self.stateLimit else { return Self.deadState }
    numbers[set] = sets.count
    sets.append(set)
    steps += [Int32](repeating: -2, count: 256)
    return sets.count - 1
  }

  /// The state behind one more byte.
  mutating func step(_ state: Int, _ byte: UInt8) -> Int {
    guard sets.indices.contains(state) else { return Self.deadState }
    let place = state * 256 + Int(byte)
    if steps[place] != -2 { return Int(steps[place]) }
    var targets: Set<Int> = []
    for part in sets[state] {
      for arrow in automaton.arrows[part] where arrow.bytes.contains(byte) {
        targets.insert(arrow.target)
      }
    }
    let next = number(of: closure(Array(targets)))
    steps[place] = Int32(next)
    return next
  }

  /// Whether the text so far is complete.
  public func accepts(_ state: Int) -> Bool {
    sets.indices.contains(state) && sets[state].contains(automaton.end)
  }

  /// Whether the text so far is complete and nothing may follow.
  public func isComplete(_ state: Int) -> Bool {
    sets.indices.contains(state) && sets[state] == [automaton.end]
  }

  /// The state behind one more token; nil when it does not fit. A token without text changes nothing.
  public mutating func next(_ state: Int, token: Int) -> Int? {
    guard let bytes = trie.bytes(of: token) else { return nil }
    var state = state
    for byte in bytes {
      state = step(state, byte)
      if state == Self.deadState { return nil }
    }
    return state
  }

  /// The tokens that may follow, ascending; `endTokens` too when the text is complete.
  public mutating func allowed(_ state: Int, endTokens: [Int]) -> [Int] {
    var ids: [Int]
    if let known = allowed[state] {
      ids = known
    } else {
      ids = []
      collect(state, node: 0, into: &ids)
      ids.sort()
      allowed[state] = ids
    }
    if accepts(state) {
      ids = (ids + endTokens.filter { $0 >= 0 && !ids.contains($0) }).sorted()
    }
    return ids
  }

  private mutating func collect(_ state: Int, node: Int, into ids: inout [Int]) {
    var open = [(state, node)]
    while let (state, node) = open.popLast() {
      ids += trie.tokens(at: node)
      for child in trie.children(of: node) {
        let next = step(state, child.byte)
        if next != Self.deadState { open.append((next, child.node)) }
      }
    }
  }
}

/// The bytes of all tokens as a tree of their beginnings.
package struct TokenTrie: Sendable {
  private let bytes: [[UInt8]?]
  /// The tree in the order of its nodes: children of a node lie together.
  private var childStart: [Int] = [0]
  private var childBytes: [UInt8] = []
  private var childNodes: [Int] = []
  private var nodeTokens: [[Int]] = []

  /// The vocabulary of a tokenizer.
  package init(_ tokenizer: any Tokenizer) {
    self.init((0..<tokenizer.vocabularySize).map { tokenizer.bytes(ofToken: $0) })
  }

  /// Empty tokens are left out: they could come for ever.
  init(_ tokens: [[UInt8]?]) {
    bytes = tokens
    let ids = tokens.indices.filter { tokens[$0]?.isEmpty == false }
    let sorted = ids.map { (bytes: tokens[$0] ?? [], id: $0) }
      .sorted { $0.bytes.lexicographicallyPrecedes($1.bytes) }
    // Breadth first: each node is a range of the sorted tokens that share its bytes.
    var queue: [(range: Range<Int>, depth: Int)] = [(0..<sorted.count, 0)]
    var head = 0
    while head < queue.count {
      var (range, depth) = queue[head]
      head += 1
      var own: [Int] = []
      while let first = range.first, sorted[first].bytes.count == depth {
        own.append(sorted[first].id)
        range = first + 1..<range.upperBound
      }
      nodeTokens.append(own)
      var begin = range.lowerBound
      while begin < range.upperBound {
        let byte = sorted[begin].bytes[depth]
        var end = begin + 1
        while end < range.upperBound, sorted[end].bytes[depth] == byte { end += 1 }
        childBytes.append(byte)
        childNodes.append(queue.count)
        queue.append((begin..<end, depth + 1))
        begin = end
      }
      childStart.append(childBytes.count)
    }
  }

  func bytes(of token: Int) -> [UInt8]? { bytes.indices.contains(token) ? bytes[token] : nil }

  func tokens(at node: Int) -> [Int] { nodeTokens[node] }

  func children(of node: Int) -> some Sequence<(byte: UInt8, node: Int)> {
    (childStart[node]..<childStart[node + 1]).lazy.map { (childBytes[$0], childNodes[$0]) }
  }
}
