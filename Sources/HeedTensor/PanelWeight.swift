/// A weight `[N, K]` that is packed in panels of outputs, one after the other.
package protocol PanelWeight {
  /// N.
  var outputCount: Int { get set }
  /// `[ceil(N / 32)][..]`.
  var panels: Tensor { get set }
}

extension PanelWeight {
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
