// Names that are none of a list: along a tree of the listed ones, and off it with any character that none
// of them goes on with. What is no plain ASCII character costs many states, so it leaves the tree through
// states that all names share.

import HeedFormats

extension ByteAutomaton {
  /// Characters that JSON writes as they are, in one byte.
  private static let plainASCII: [ClosedRange<UInt32>] = [0x20...0x21, 0x23...0x5B, 0x5D...0x7F]

  /// Strings as they are written within JSON, other than `words`.
  ///
  /// - Complexity: O(n) states for n characters of the words.
  mutating func build(otherThan words: [String], from: Int, to: Int) throws(FormatError) {
    var children: [[UInt32: Int]] = [[:]]
    var isWord = [false]
    for word in words {
      var node = 0
      for scalar in word.unicodeScalars {
        if let known = children[node][scalar.value] {
          node = known
        } else {
          children[node][scalar.value] = children.count
          node = children.count
          children.append([:])
          isWord.append(false)
        }
      }
      isWord[node] = true
    }
    let (special, rest) = (try state(), try state())
    try build(
      .jsonCharacter(ScalarSet(ranges: Self.plainASCII, isNegated: true)), from: special, to: rest)
    try build(
      .repeated(.jsonCharacter(.any), separator: nil, least: 0, most: nil), from: rest, to: to)
    var places = [from]
    for _ in 1..<children.count { places.append(try state()) }
    for (node, place) in places.enumerated() {
      if !isWord[node] { addFree(place, to) }
      let next = children[node].sorted { $0.key < $1.key }
      for (scalar, child) in next {
        try build(
          .jsonCharacter(ScalarSet(ranges: [scalar...scalar])), from: place, to: places[child])
      }
      let known = next.map { $0.key...$0.key }
      let others = ScalarSet(ranges: known, isNegated: true)
      if known.allSatisfy({ ScalarSet.intersection([$0], Self.plainASCII) == [$0] }) {
        addFree(place, special)
        let plain = ScalarSet.intersection(others.scalarRanges, Self.plainASCII)
        try build(.jsonCharacter(ScalarSet(ranges: plain)), from: place, to: rest)
      } else {
        try build(.jsonCharacter(others), from: place, to: rest)
      }
    }
  }
}
