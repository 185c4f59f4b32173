// Which tokens may come next is found by walking the bytes of all tokens at once, along a tree of
// their beginnings, through the automaton made deterministic as far as it is needed. The answer is
// kept for each state, so a state that comes again, as within a long string, costs a look-up.
//
// A place in the automaton is a state and a stack of where to go on behind the rules that were called.
// Stacks are lists that share their tails, each written once and known by its number, so a place is two
// numbers and a set of places is looked up like a set of states.

/// Walks through a constraint token by token.
public struct ConstraintWalker: Sendable {
  /// The state of texts that cannot be completed.
  public static let deadState = -1

  private let automaton: ByteAutomaton
  private let trie: TokenTrie
  /// The places of each state, sorted.
  private var sets: [[Place]] = []
  private var numbers: [[Place]: Int] = [:]
  private var placeCount = 0
  /// Stack 0 is empty.
  private var stacks = [Frame(next: 0, below: 0, depth: 0)]
  private var stackNumbers: [Frame: Int] = [:]
  /// `[state * 256 + byte]`; -2 where not known yet.
  private var steps: [Int32] = []
  private var allowed: [Int: TokenSet] = [:]

  /// Where a walk stands.
  private struct Place: Hashable, Comparable, Sendable {
    let state: Int
    let stack: Int

    static func < (left: Place, right: Place) -> Bool {
      (left.state, left.stack) < (right.state, right.stack)
    }
  }

  /// The top of a stack, and what lies below it.
  private struct Frame: Hashable, Sendable {
    let next: Int
    let below: Int
    let depth: Int
  }

  /// States made deterministic before a text counts as one that cannot be completed.
  private static let stateLimit = 200_000
  /// Places of one state, and of all of them: where a text can be read in many ways at once their number
  /// grows with every list in a list, and a text that needs more counts as one that cannot be completed.
  static let placeLimit = (one: 1 << 14, all: 1 << 22)
  /// Rules within rules: lists in lists stay what JSON readers take (`JSONOptions.maximumDepth`).
  static let depthLimit = 120
  /// Bytes of kept answers; they are made anew beyond.
  private static let storeLimit = 64 << 20

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
    _ = number(of: closure([Place(state: automaton.start, stack: 0)]))
  }

  /// Whether there is a state 0: false where a text could begin in more ways than are followed.
  var canBegin: Bool { !sets.isEmpty }

  /// All places that are reached for nothing, sorted; without those that only lead on for nothing. None
  /// where they are too many.
  private mutating func closure(_ places: Set<Place>) -> [Place] {
    var seen = places
    var open = Array(places)
    func add(_ place: Place) {
      if seen.insert(place).inserted { open.append(place) }
    }
    while let place = open.popLast() {
      guard seen.count <= Self.placeLimit.one, stacks.count <= Self.placeLimit.all else {
        return []
      }
      for next in automaton.free[place.state] { add(Place(state: next, stack: place.stack)) }
      for call in automaton.calls[place.state] {
        let depth = stacks[place.stack].depth + 1
        guard depth <= Self.depthLimit else { continue }
        let stack = number(of: Frame(next: call.next, below: place.stack, depth: depth))
        add(Place(state: automaton.rules[call.rule].start, stack: stack))
      }
      if automaton.isRuleEnd[place.state] {
        let frame = stacks[place.stack]
        add(Place(state: frame.next, stack: frame.below))
      }
    }
    return seen.filter { !automaton.arrows[$0.state].isEmpty || $0.state == automaton.end }
      .sorted()
  }

  private mutating func number(of frame: Frame) -> Int {
    if let known = stackNumbers[frame] { return known }
    stackNumbers[frame] = stacks.count
    stacks.append(frame)
    return stacks.count - 1
  }

  private mutating func number(of set: [Place]) -> Int {
    if set.isEmpty { return Self.deadState }
    if let known = numbers[set] { return known }
    guard sets.count < Self.stateLimit, placeCount + set.count <= Self.placeLimit.all else {
      return Self.deadState
    }
    placeCount += set.count
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
    var targets: Set<Place> = []
    for part in sets[state] {
      for arrow in automaton.arrows[part.state] where arrow.bytes.contains(byte) {
        targets.insert(Place(state: arrow.target, stack: part.stack))
      }
    }
    let next = number(of: closure(targets))
    steps[place] = Int32(next)
    return next
  }

  /// The end of the whole text.
  private var end: Place { Place(state: automaton.end, stack: 0) }

  /// Whether the text so far is complete.
  public func accepts(_ state: Int) -> Bool {
    sets.indices.contains(state) && sets[state].contains(end)
  }

  /// Whether the text so far is complete and nothing may follow.
  public func isComplete(_ state: Int) -> Bool {
    sets.indices.contains(state) && sets[state] == [end]
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

  /// The tokens that may follow, ascending; those of `endTokens` that the vocabulary has too when the
  /// text is complete.
  public mutating func allowed(_ state: Int, endTokens: [Int]) -> [Int] {
    var ids = known(state)
    if accepts(state) {
      for id in endTokens where ids.hasRoom(for: id) { ids.insert(id) }
    }
    return ids.ids
  }

  /// The tokens that may follow, kept as long as there is room.
  private mutating func known(_ state: Int) -> TokenSet {
    if let known = allowed[state] { return known }
    var ids = TokenSet(count: trie.count)
    var open = [(state, 0)]
    while let (state, node) = open.popLast() {
      for id in trie.tokens(at: node) { ids.insert(id) }
      for child in trie.children(of: node) {
        let next = step(state, child.byte)
        if next != Self.deadState { open.append((next, child.node)) }
      }
    }
    if (allowed.count + 1) * ids.byteCount > Self.storeLimit { allowed = [:] }
    allowed[state] = ids
    return ids
  }
}

/// Ids of a vocabulary, a bit for each.
struct TokenSet: Sendable {
  private var words: [UInt64]

  /// None of `count` ids.
  init(count: Int) { words = Array(repeating: 0, count: (count + 63) / 64) }

  var byteCount: Int { words.count * 8 }

  /// Whether the vocabulary may have `id`: what a config calls an end can be any number.
  func hasRoom(for id: Int) -> Bool { id >= 0 && id >> 6 < words.count }

  mutating func insert(_ id: Int) {
    words[id >> 6] |= 1 << UInt64(id & 63)
  }

  /// The members, ascending.
  var ids: [Int] {
    var ids: [Int] = []
    ids.reserveCapacity(words.reduce(0) { $0 + $1.nonzeroBitCount })
    for (place, word) in words.enumerated() {
      var rest = word
      while rest != 0 {
        ids.append(place << 6 | rest.trailingZeroBitCount)
        rest &= rest - 1
      }
    }
    return ids
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

  /// How many ids there are.
  var count: Int { bytes.count }

  func bytes(of token: Int) -> [UInt8]? { bytes.indices.contains(token) ? bytes[token] : nil }

  func tokens(at node: Int) -> [Int] { nodeTokens[node] }

  func children(of node: Int) -> some Sequence<(byte: UInt8, node: Int)> {
    (childStart[node]..<childStart[node + 1]).lazy.map { (childBytes[$0], childNodes[$0]) }
  }
}
