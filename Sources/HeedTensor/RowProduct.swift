import CHeedKernels

// Generating a token is a few rows against every weight of a model, and each weight is read from memory
// once: what stands between two of them is time in which memory rests. So here is the product of a few
// rows without tensors: made once for a weight, and run between buffers that the caller keeps.

/// The product of a few rows with a packed weight `[N, K]`, with the bits of `linear(_:bias:)`.
///
/// Addresses and numbers only, so that threads that use it side by side do not count references: what it
/// was made with owns the memory.
package struct RowProduct: @unchecked Sendable, BitwiseCopyable {
  /// N.
  package let outputCount: Int
  /// K.
  package let inputCount: Int
  private let numbers: Numbers
  private let panels: UnsafeRawPointer
  private let panelBytes: Int
  private let bias: UnsafePointer<Float>?
  /// What is read after it.
  package var next: ReadAhead?

  /// What threads may ask for before it is run.
  package var ahead: ReadAhead { ReadAhead(weight) }

  private var weight: ReadAhead.Weight {
    ReadAhead.Weight(panels: panels, panelCount: panelCount, panelBytes: panelBytes)
  }

  /// The same for a gated pair.
  package static func ahead(gate: RowProduct, up: RowProduct) -> ReadAhead {
    ReadAhead(gate.weight, up.weight)
  }

  /// Rows that are at most one tile of the kernels.
  package static let mostRows = 12

  /// What a weight is, and what its products read.
  private enum Numbers: Sendable, Hashable, BitwiseCopyable {
    case float32
    case bfloat16
    /// Blocks of 8-bit values with a scale and sums each, one of all or one of each half.
    case blocks(heed_panel_format, hasHalves: Bool)
  }

  /// - Parameter bias: `[N]`.
  package init(
    _ weight: PackedMatrix, bias: Tensor?, keeping owners: inout MemoryOwners
  ) {
    self.init(
      weight, weight.inputCount, bias, &owners, weight.precision == .float32 ? .float32 : .bfloat16,
      panelBytes: weight.panels.shape[1] * weight.panels.shape[2] * 4)
  }

  /// - Parameter bias: `[N]`.
  package init(
    _ weight: QuantizedMatrix, bias: Tensor?, keeping owners: inout MemoryOwners
  ) {
    self.init(
      weight, weight.inputCount, bias, &owners,
      .blocks(weight.format, hasHalves: weight.format == HEED_PANEL_6),
      panelBytes: weight.panels.shape[1])
  }

  private init(
    _ weight: some PanelWeight, _ inputCount: Int, _ bias: Tensor?, _ owners: inout MemoryOwners,
    _ numbers: Numbers, panelBytes: Int
  ) {
    outputCount = weight.outputCount
    self.inputCount = inputCount
    self.numbers = numbers
    panels = owners.address(of: weight.panels.dense())
    self.panelBytes = panelBytes
    self.bias = bias.map {
      owners.address(of: $0.converted(to: .float32).dense()).assumingMemoryBound(to: Float.self)
    }
  }

  private var panelCount: Int { (outputCount + TiledProduct.panel - 1) / TiledProduct.panel }
  private var blockCount: Int { (inputCount + 31) / 32 }
  /// Words of 32 bits of a row that is numbers.
  private var words: Int { numbers == .float32 ? inputCount : (inputCount + 1) / 2 }

  /// Whether another product reads its input in the same form.
  package func readsLike(_ other: RowProduct) -> Bool {
    numbers == other.numbers && inputCount == other.inputCount
  }

  /// Bytes that `input(_:rows:memory:)` needs.
  package func inputByteCount(rows: Int) -> Int {
    switch numbers {
    case .float32: 0
    case .bfloat16: rows * words * 4
    case .blocks: rows * blockCount * 44
    }
  }

  /// Rows of floats as the product reads them.
  ///
  /// - Parameters:
  ///   - x: `[rows, K]`.
  ///   - memory: `inputByteCount(rows:)` bytes, aligned to 64.
  /// - Returns: a place in `memory`, or `x` itself.
  package func input(
    _ x: UnsafePointer<Float>, rows: Int, memory: UnsafeMutableRawPointer
  ) -> UnsafeRawPointer {
    load(x, rows: 0..<rows, of: rows, columns: 0..<inputCount, to: memory)
    return place(of: x, memory)
  }

  private func place(
    of x: UnsafePointer<Float>, _ memory: UnsafeMutableRawPointer
  ) -> UnsafeRawPointer {
    numbers == .float32 ? UnsafeRawPointer(x) : UnsafeRawPointer(memory)
  }

  /// Some columns of some rows of an input of `rowCount`; they begin at a multiple of 32 and end at one or
  /// at K.
  private func load(
    _ x: UnsafePointer<Float>, rows: Range<Int>, of rowCount: Int, columns: Range<Int>,
    to memory: UnsafeMutableRawPointer
  ) {
    let (k, first) = (inputCount, columns.lowerBound)
    switch numbers {
    case .float32: break
    case .bfloat16:
      let step = words * 2
      let target = memory.assumingMemoryBound(to: UInt16.self)
      for row in rows {
        let place = target + row * step
        Kernels.table.bf16_from_f32(columns.count, x + row * k + first, place + first)
        if columns.upperBound == k, k < step { place[k] = 0 }
      }
    case .blocks(_, let hasHalves):
      let (values, scales, sums) = blockInput(memory, rowCount)
      for row in rows {
        let block = row * blockCount + first / 32
        let values = UnsafeMutablePointer(mutating: values + block * 32)
        let sums = UnsafeMutablePointer(mutating: sums + block * (hasHalves ? 2 : 1))
        Kernels.table.quantize_blocks_i8(
          columns.count, x + row * k + first, values,
          UnsafeMutablePointer(mutating: scales + block),
          sums)
        if hasHalves { heed_half_sums((columns.count + 31) / 32, values, sums) }
      }
    }
  }

  /// Where values, scales and sums of the blocks of all rows lie.
  @inline(__always)
  private func blockInput(
    _ memory: UnsafeRawPointer, _ rows: Int
  ) -> (UnsafePointer<Int8>, scales: UnsafePointer<Float>, sums: UnsafePointer<Int32>) {
    let count = rows * blockCount
    return (
      memory.assumingMemoryBound(to: Int8.self),
      (memory + count * 32).assumingMemoryBound(to: Float.self),
      (memory + count * 36).assumingMemoryBound(to: Int32.self)
    )
  }

  /// A product that reads the result of another: its input is made part by part, by the threads that have
  /// the part in their caches.
  package struct Follower: BitwiseCopyable {
    let product: RowProduct
    package let memory: UnsafeMutableRawPointer

    /// - Parameter memory: `inputByteCount(rows:)` bytes, aligned to 64.
    package init(_ product: RowProduct, memory: UnsafeMutableRawPointer) {
      self.product = product
      self.memory = memory
    }

    /// The input, once it is made of `x`.
    package func input(_ x: UnsafePointer<Float>) -> UnsafeRawPointer {
      product.place(of: x, memory)
    }

    /// Whether parts of this many columns can be made apart.
    package func takesParts(ofWidth width: Int) -> Bool {
      width % 32 == 0 || width == product.inputCount
    }

    /// Makes some columns of some rows of the input of `rowCount`, whole parts.
    @inline(__always)
    package func load(
      _ x: UnsafePointer<Float>, rows: Range<Int>, of rowCount: Int, columns: Range<Int>
    ) {
      product.load(x, rows: rows, of: rowCount, columns: columns, to: memory)
    }
  }

  /// `activation(x weight^T + bias)`, shared by threads.
  ///
  /// - Parameters:
  ///   - input: `rows` rows that `input(_:rows:memory:)` gave, at most `mostRows`.
  ///   - follower: a product that reads the result.
  ///   - y: `[rows, N]`.
  package func callAsFunction(
    _ input: UnsafeRawPointer, rows: Int, activation: Activation = .identity,
    follower: Follower? = nil, by member: inout ThreadTeam.Member,
    to y: UnsafeMutablePointer<Float>
  ) {
    askForInput(input, rows)
    let runs = PanelRuns(panelCount: panelCount, threads: member.runCount)
    member.share(runs.partCount, work: rows * inputCount * outputCount, ahead: next) { part in
      let panels = runs.panels(ofPart: part)
      if panels.isEmpty { return }
      if runs.isLate(part) { next?.askForVectors() }
      multiply(input, rows, panels, activation, y)
      follower?.load(y, rows: 0..<rows, of: rows, columns: columns(of: panels))
    }
  }

  /// `activation(x gate^T + gateBias) * (x up^T + upBias)`, shared by threads: a gated feed-forward.
  ///
  /// - Parameters:
  ///   - input: `rows` rows that one of the two gave.
  ///   - other: `[rows, N]`, working memory.
  ///   - follower: a product that reads the result.
  ///   - y: `[rows, N]`.
  /// - Precondition: the weights have one shape and read their inputs in one form.
  package static func gated(
    _ gate: RowProduct, _ up: RowProduct, activation: Activation, _ input: UnsafeRawPointer,
    rows: Int, other: UnsafeMutablePointer<Float>, follower: Follower? = nil,
    by member: inout ThreadTeam.Member, to y: UnsafeMutablePointer<Float>
  ) {
    let n = gate.outputCount
    gate.askForInput(input, rows)
    let runs = PanelRuns(panelCount: gate.panelCount, threads: member.runCount)
    member.share(runs.partCount, work: 2 * rows * gate.inputCount * n, ahead: up.next) { part in
      let panels = runs.panels(ofPart: part)
      if panels.isEmpty { return }
      if runs.isLate(part) { up.next?.askForVectors() }
      gate.multiply(input, rows, panels, activation, y)
      up.multiply(input, rows, panels, .identity, other)
      let columns = gate.columns(of: panels)
      for row in 0..<rows {
        let place = row * n + columns.lowerBound
        Kernels.table.multiply_f32(columns.count, y + place, other + place, y + place)
      }
      follower?.load(y, rows: 0..<rows, of: rows, columns: columns)
    }
  }

  /// Asks for an input at once: parts of it may have been made by other threads, and the kernels would wait
  /// for one line of it after the other.
  private func askForInput(_ input: UnsafeRawPointer, _ rows: Int) {
    heed_ask(input, inputByteCount(rows: rows))
  }

  private func columns(of panels: Range<Int>) -> Range<Int> {
    let width = TiledProduct.panel
    return panels.lowerBound * width..<min(outputCount, panels.upperBound * width)
  }

  /// The outputs of some panels.
  private func multiply(
    _ input: UnsafeRawPointer, _ rows: Int, _ range: Range<Int>, _ activation: Activation,
    _ y: UnsafeMutablePointer<Float>
  ) {
    let (n, width, own) = (outputCount, TiledProduct.panel, columns(of: range))
    let (first, columns) = (own.lowerBound, own.count)
    let base = panels + range.lowerBound * panelBytes
    let y = y + first
    let bias = bias.map { $0 + first }
    if let bias { heed_ask(bias, 4 * columns) }
    switch numbers {
    case .float32:
      Kernels.table.panels_f32(
        rows, columns, words, input.assumingMemoryBound(to: Float.self), words, 1,
        base.assumingMemoryBound(to: Float.self), panelBytes / 4, y, n, 0)
    case .bfloat16:
      Kernels.table.panels_bf16(
        rows, columns, words, input.assumingMemoryBound(to: UInt32.self), words, 1,
        base.assumingMemoryBound(to: UInt32.self), panelBytes / 4, y, n, 0)
    case .blocks(let format, _):
      let (values, scales, sums) = blockInput(input, rows)
      for panel in 0..<range.count {
        Kernels.table.tile_blocks(
          format, rows, min(width, columns - panel * width), blockCount, values, scales, sums,
          base + panel * panelBytes, y + panel * width, n, 0)
      }
    }
    guard bias != nil || activation != .identity else { return }
    for row in 0..<rows {
      let y = y + row * n
      if let bias { Kernels.table.add_f32(columns, y, bias, y) }
      if activation != .identity { activation.values(columns, y, y) }
    }
  }
}
