// The scores of a step go through a chain of changes before a token is chosen. A vocabulary has up to
// 250,000 tokens, and after the first filter a few dozen of them are left, so scores remember which
// tokens are still there and later steps look at those alone. Nothing here sorts the vocabulary: the
// largest k, and the likeliest tokens of a given mass, are found by one pass that counts them by the
// leading bits of their scores, and only the bin at the border is sorted. (Sorting 150,000 scores
// takes some 15 ms; this takes a fraction of one.)

import HeedTensor

/// The scores of the next token, one for each id; -infinity for those that may not come.
public struct TokenScores: Sendable {
  /// One score for each id.
  public private(set) var values: [Float]
  /// The ids that may still come, ascending; nil means that all are looked at.
  public private(set) var candidates: [Int]?

  /// Scores as a model gives them: logits. What is no number may not come.
  public init(_ values: [Float]) {
    self.values = values
    if values.contains(where: { $0.isNaN }) {
      self.values = values.map { $0.isNaN ? -.infinity : $0 }
    }
  }

  /// How many ids there are.
  public var count: Int { values.count }

  /// The score of an id; setting one that may not come has no effect on filters that follow.
  public subscript(id: Int) -> Float {
    get { values[id] }
    set { values[id] = newValue }
  }

  /// Forbids an id; an id that is none is passed over.
  public mutating func forbid(_ id: Int) {
    if values.indices.contains(id) { values[id] = -.infinity }
  }

  /// Keeps the given ids, which are ascending, and forbids all others.
  public mutating func keep(_ ids: [Int]) {
    var kept = [Float](repeating: -.infinity, count: values.count)
    for id in ids { kept[id] = values[id] }
    values = kept
    candidates = ids
  }

  /// Changes the score of each id that may come.
  public mutating func change(_ change: (Float) -> Float) {
    if let candidates {
      for id in candidates { values[id] = change(values[id]) }
    } else {
      for id in values.indices { values[id] = change(values[id]) }
    }
  }

  /// Calls `body` with each id that may come and its score.
  func forEach(_ body: (Int, Float) -> Void) {
    if let candidates {
      for id in candidates { body(id, values[id]) }
    } else {
      for id in values.indices { body(id, values[id]) }
    }
  }

  /// The likeliest id, the smallest one of several; nil when none may come.
  public var best: Int? {
    var best: (id: Int, score: Float)?
    forEach { id, score in
      if score > best?.score ?? -.infinity { best = (id, score) }
    }
    return best?.id
  }

  /// The ids that may come and their probabilities, in the order of ids.
  public func probabilities() -> (ids: [Int], values: [Float]) {
    let ids = candidates ?? Array(values.indices)
    let scores = candidates == nil ? values : ids.map { values[$0] }
    return (ids, Tensor(scores).softmax().elements())
  }

  /// The natural logarithms of the probabilities of all ids.
  public func logProbabilities() -> [Float] {
    Tensor(values).logSoftmax().elements()
  }

  /// The `count`-th largest score; the smallest when there are fewer.
  func largest(_ count: Int) -> Float {
    if let candidates, candidates.count <= 4096 {
      let sorted = candidates.map { values[$0] }.sorted(by: >)
      return sorted.isEmpty ? -.infinity : sorted[min(count, sorted.count) - 1]
    }
    let bins = ScoreBins { visit in forEach { visit($1, 1) } }
    guard let border = bins.border(reaching: Double(count)) else { return -.infinity }
    var inside: [Float] = []
    forEach { if ScoreBins.bin(of: $1) == border.bin { inside.append($1) } }
    inside.sort(by: >)
    let place = count - 1 - Int(border.massAbove)
    return inside.isEmpty ? -.infinity : inside[max(0, min(place, inside.count - 1))]
  }
}

/// Masses counted by the leading bits of their keys; larger keys stand in higher bins.
struct ScoreBins {
  private static let shift: UInt32 = 19
  private var masses = [Double](repeating: 0, count: 1 << (32 - 19))

  /// Counts the mass of every key that `forEach` visits.
  init(_ forEach: ((Float, Double) -> Void) -> Void) {
    var masses = masses
    forEach { key, mass in masses[Self.bin(of: key)] += mass }
    self.masses = masses
  }

  /// The bin of a key: the leading bits of a whole number in the order of the floats.
  static func bin(of key: Float) -> Int {
    let bits = key.bitPattern
    let ordered = bits & 0x8000_0000 == 0 ? bits | 0x8000_0000 : ~bits
    return Int(ordered >> shift)
  }

  /// The highest bin that, with all bins above, holds at least `mass`, and the mass above it; nil when
  /// all together do not.
  func border(reaching mass: Double) -> (bin: Int, massAbove: Double)? {
    var sum = 0.0
    for bin in masses.indices.reversed() where masses[bin] > 0 {
      if sum + masses[bin] >= mass { return (bin, sum) }
      sum += masses[bin]
    }
    return nil
  }
}

/// The places of the largest keys whose masses together reach `mass`, ascending: each place is taken
/// while what was taken before it is less than `mass`. Equal keys are taken in order.
func placesReaching(_ mass: Double, keys: [Float], masses: [Float]) -> [Int] {
  let bins = ScoreBins { visit in
    for place in keys.indices { visit(keys[place], Double(masses[place])) }
  }
  guard let border = bins.border(reaching: mass) else { return Array(keys.indices) }
  var taken: [Int] = []
  var inside: [Int] = []
  for place in keys.indices {
    let bin = ScoreBins.bin(of: keys[place])
    if bin > border.bin { taken.append(place) } else if bin == border.bin { inside.append(place) }
  }
  inside.sort { keys[$0] == keys[$1] ? $0 < $1 : keys[$0] > keys[$1] }
  var sum = border.massAbove
  for place in inside {
    if sum >= mass { break }
    taken.append(place)
    sum += Double(masses[place])
  }
  return taken.sorted()
}
