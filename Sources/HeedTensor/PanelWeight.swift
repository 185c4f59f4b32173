/// A weight `[N, K]` that is packed in panels of outputs, one after the other.
package protocol PanelWeight {
  /// N.
  var outputCount: Int { get set }
  /// `[ceil(N / 32)][..]`.
  var panels: Tensor { get set }
}

extension PanelWeight {
  /// How many panels of `byteCount` bytes are packed before the pages of the file that they came from
  /// are given back: few, as both are in memory until then, and enough for all threads.
  static func panelsAtOnce(of byteCount: Int) -> Int {
    max(4 * ThreadPool.threadCount, (4 << 20) / max(byteCount, 1))
  }

  /// The weight of some of the outputs, in the same memory; nil where they are not whole panels.
  package func outputs(_ range: Range<Int>) -> Self? {
    let width = TiledProduct.panel
    guard range.lowerBound % width == 0,
      range.upperBound % width == 0 || range.upperBound == outputCount
    else { return nil }
    var part = self
    part.outputCount = range.count
    part.panels = panels.sliced(
      axis: 0, range: range.lowerBound / width..<(range.upperBound + width - 1) / width)
    return part
  }
}
