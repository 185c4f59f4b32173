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

  /// Keeps the given ids, which are ascending, and forbids all others. Ids that are none are passed over:
  /// a tokenizer may have more of them than the model.
  public mutating func keep(_ ids: [Int]) {
    let ids = ids.last.map { $0 < values.count } ?? true ? ids : ids.filter { $0 < values.count }
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
  @inline(__always)
  func forEach(_ body: (Int, Float) -> Void) {
    if let candidates {
      for id in candidates { body(id, values[id]) }
    } else {
      for id in values.indices { body(id, values[id]) }
    }
  }

  /// The likeliest id, the smallest one of several; nil when none may come.
  public var best: Int? {
    var best = -1
    var score = -Float.infinity
    forEach { id, value in
      if value > score { (best, score) = (id, value) }
    }
    return best < 0 ? nil : best
  }

  /// The scores of the ids that may come, in the order of ids.
  private var open: [Float] { candidates.map { $0.map { values[$0] } } ?? values }

  /// The ids that may come and their probabilities, in the order of ids.
  public func probabilities() -> (ids: [Int], values: [Float]) {
    (candidates ?? Array(values.indices), openProbabilities)
  }

  /// The probabilities of the ids that may come, in their order.
  var openProbabilities: [Float] { Tensor(open).softmax().elements() }

  /// The id at a place among those that may come.
  func id(at place: Int) -> Int { candidates?[place] ?? place }

  /// The natural logarithms of the probabilities of all ids.
  public func logProbabilities() -> [Float] {
    Tensor(values).logSoftmax().elements()
  }

  /// The `count`-th largest score; the smallest when there are fewer.
  func largest(_ count: Int) -> Float {
    guard count > 0 else { return .infinity }
    if count > 4096 { return largestByBins(count) }
    // The best so far, twice as many as wanted at most: most scores are below the worst of them and
    // cost one comparison.
    var kept: [Float] = []
    kept.reserveCapacity(2 * count + 64)
    var limit = -Float.infinity
    forEach { _, score in
      guard score > limit else { return }
      kept.append(score)
      if kept.count == 2 * count + 64 {
        kept.sort(by: >)
        kept.removeLast(kept.count - count)
        limit = kept[count - 1]
      }
    }
    kept.sort(by: >)
    return kept.isEmpty ? -.infinity : kept[min(count, kept.count) - 1]
  }

  private func largestByBins(_ count: Int) -> Float {
    let open = open
    var bins = ScoreBins()
    for score in open { bins.add(score, mass: 1) }
    guard let border = bins.border(reaching: Double(count)) else {
      return open.min() ?? -.infinity
    }
    var inside = open.filter { ScoreBins.bin(of: $0) == border.bin }
    inside.sort(by: >)
    let place = count - 1 - Int(border.massAbove)
    return inside.isEmpty ? -.infinity : inside[max(0, min(place, inside.count - 1))]
  }
}

/// Masses counted by the leading bits of their keys; larger keys stand in higher bins.
struct ScoreBins {
  private static let shift: UInt32 = 19
  private var masses = [Double](repeating: 0, count: 1 << (32 - 19))

  /// Adds a mass to the bin of a key.
  @inline(__always)
  mutating func add(_ key: Float, mass: Double) { masses[Self.bin(of: key)] += mass }

  /// The bin of a key: the leading bits of a whole number in the order of the floats.
  @inline(__always)
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
  var bins = ScoreBins()
  for place in keys.indices { bins.add(keys[place], mass: Double(masses[place])) }
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

/// The place that a draw from 0 to 1 falls on, among masses that stand side by side; nil when there is
/// no mass. Masses are added in blocks, so that a long row costs one quick pass.
func placeDrawn(_ draw: Double, masses: [Float]) -> Int? {
  let width = 256
  var sums: [Double] = []
  sums.reserveCapacity(masses.count / width + 1)
  for start in stride(from: 0, to: masses.count, by: width) {
    let end = min(start + width, masses.count)
    var lanes = SIMD4<Double>()
    var place = start
    while place + 4 <= end {
      lanes += SIMD4(
        Double(masses[place]), Double(masses[place + 1]), Double(masses[place + 2]),
        Double(masses[place + 3]))
      place += 4
    }
    var sum = lanes.sum()
    while place < end {
      sum += Double(masses[place])
      place += 1
    }
    sums.append(sum)
  }
  var mark = draw * sums.reduce(0, +)
  var block = 0
  while block < sums.count - 1, mark >= sums[block] {
    mark -= sums[block]
    block += 1
  }
  // Roundings may carry the mark over the end of a block, or of all: the last one with a mass then.
  for place in block * width..<masses.count where masses[place] > 0 {
    mark -= Double(masses[place])
    if mark < 0 { return place }
  }
  return masses.lastIndex { $0 > 0 }
}
