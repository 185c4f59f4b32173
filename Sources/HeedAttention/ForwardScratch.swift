import HeedTensor

/// Running maximum, sum and context of the rows of a tile.
struct PartialSums {
  let maximum: UnsafeMutablePointer<Float>
  let sum: UnsafeMutablePointer<Float>
  /// `[rows][Dv]`
  let context: UnsafeMutablePointer<Float>

  init(_ base: UnsafeMutablePointer<Float>, rows: Int, width: Int) {
    maximum = base
    sum = base + rows
    context = base + 2 * rows
  }

  private init(
    maximum: UnsafeMutablePointer<Float>, sum: UnsafeMutablePointer<Float>,
    context: UnsafeMutablePointer<Float>
  ) {
    self.maximum = maximum
    self.sum = sum
    self.context = context
  }

  static func floatCount(rows: Int, width: Int) -> Int { rows * (width + 2) }

  /// The same with the context in another place: where it will stay.
  func writing(to context: UnsafeMutablePointer<Float>) -> PartialSums {
    PartialSums(maximum: maximum, sum: sum, context: context)
  }
}

/// The working memory of one tile, in one piece.
struct ForwardScratch {
  let queries: UnsafeMutablePointer<Float>
  let scores: UnsafeMutablePointer<Float>
  /// bf16 weights as pairs.
  let weights: UnsafeMutablePointer<Float>
  /// The panels of a block of keys.
  let panels: UnsafeMutablePointer<Float>
  /// A block of values: pairs of bf16, then rows of floats where values are stored otherwise.
  let values: UnsafeMutablePointer<Float>
  let clean: UnsafeMutablePointer<Float>
  let corrections: UnsafeMutablePointer<Float>
  let low: UnsafeMutablePointer<Int32>
  let high: UnsafeMutablePointer<Int32>
  let cells: UnsafeMutablePointer<UInt8>
  let total: PartialSums
  var part: PartialSums
  let isCareful: Bool
  private let storage: Storage

  init(_ plan: AttentionPlan, rows: Int, careful: Bool = false) {
    let block = AttentionPlan.blockKeys
    var offset = 0
    func reserve(_ floats: Int) -> Int {
      defer { offset += (floats + 15) / 16 * 16 }
      return offset
    }
    let queries = reserve(plan.keyWords * rows)
    let scores = reserve(rows * block + 32)
    let weights = reserve(plan.precision == .bfloat16 ? rows * block / 2 + 32 : 0)
    let panels = reserve(plan.keyWords * block)
    let pairs = plan.precision == .bfloat16 ? block / 2 * plan.valueWidth : 0
    let values = reserve(pairs + block * plan.valueWidth)
    let clean = reserve(careful ? block * plan.valueWidth : 0)
    let corrections = reserve(rows)
    let low = reserve(rows)
    let high = reserve(rows)
    let cells = reserve(rows * block / 4)
    let total = reserve(PartialSums.floatCount(rows: rows, width: plan.valueWidth))
    let part = reserve(PartialSums.floatCount(rows: rows, width: plan.valueWidth))
    storage = Storage(byteCount: 4 * offset)
    let base = storage.base.assumingMemoryBound(to: Float.self)
    self.queries = base + queries
    self.scores = base + scores
    self.weights = base + weights
    self.panels = base + panels
    self.values = base + values
    self.clean = base + clean
    self.corrections = base + corrections
    self.low = UnsafeMutableRawPointer(base + low).assumingMemoryBound(to: Int32.self)
    self.high = UnsafeMutableRawPointer(base + high).assumingMemoryBound(to: Int32.self)
    self.cells = UnsafeMutableRawPointer(base + cells).assumingMemoryBound(to: UInt8.self)
    self.total = PartialSums(base + total, rows: rows, width: plan.valueWidth)
    self.part = PartialSums(base + part, rows: rows, width: plan.valueWidth)
    isCareful = careful
  }
}
