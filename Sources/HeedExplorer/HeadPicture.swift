import HeedFormats

/// Weights of chosen heads as pictures: one square of T x T cells for each head, queries downwards,
/// keys to the right, on an absolute scale from 0 to 1; cells that a query may not see are hatched.
public struct HeadPicture: Sendable {
  /// One head.
  struct Panel: Sendable {
    let title: String
    let weights: [[Float]]
    let isVisible: [[Bool]]
  }

  let panels: [Panel]
  let tokens: [String]
  let caption: String
  /// What it was made of; in the PNG file and in the SVG document.
  public let provenance: Provenance

  /// Pictures of `heads` (layer and head) of an explanation.
  public init(_ explanation: Explanation, heads: [(layer: Int, head: Int)]) {
    panels = heads.map {
      Panel(
        title: "layer \($0.layer) head \($0.head)",
        weights: explanation.weights(layer: $0.layer, head: $0.head),
        isVisible: explanation.visibility(layer: $0.layer, head: $0.head))
    }
    tokens = explanation.tokens
    provenance = explanation.provenance
    caption =
      "\(explanation.model): weights, rows read from columns; white 0, dark 1; hatched: not visible"
  }

  var columns: Int { max(1, Int(Double(panels.count).squareRoot().rounded(.up))) }

  /// Side of a cell in pixels: smaller for long texts.
  var cell: Int { max(2, min(16, 480 / max(tokens.count, 1))) }

  /// The picture as an SVG document, with tokens as labels and values as titles.
  public var svg: String {
    let side = tokens.count * cell
    let margin = 60
    let step = side + margin
    let rows = (panels.count + columns - 1) / columns
    var lines = [
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(columns * step + margin)\" "
        + "height=\"\(max(1, rows) * step + margin)\" font-family=\"monospace\">",
      "<title>\(escapedForXML(caption))</title>",
      "<desc>\(escapedForXML(provenance.text))</desc>",
      "<defs><pattern id=\"hidden\" width=\"4\" height=\"4\" patternUnits=\"userSpaceOnUse\">"
        + "<path d=\"M0 4L4 0\" stroke=\"#c8c8c8\"/></pattern></defs>",
      "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>",
    ]
    for (index, panel) in panels.enumerated() {
      lines += self.panel(
        panel, left: margin + index % columns * step, top: margin + index / columns * step)
    }
    return (lines + ["</svg>"]).joined(separator: "\n")
  }

  private func panel(_ panel: Panel, left: Int, top: Int) -> [String] {
    let side = tokens.count * cell
    var lines = [
      "<g transform=\"translate(\(left) \(top))\"><text y=\"-28\" font-size=\"12\">"
        + "\(panel.title)</text>",
      "<path d=\"M0 0H\(side)V\(side)Z\" fill=\"url(#hidden)\"/>",
    ]
    for query in tokens.indices {
      for key in tokens.indices where panel.isVisible[query][key] {
        let weight = panel.weights[query][key]
        lines.append(
          "<rect x=\"\(key * cell)\" y=\"\(query * cell)\" width=\"\(cell)\" height=\"\(cell)\" "
            + "fill=\"\(ColorScale.hex(weight))\"><title>\(label(query)) reads \(label(key)): "
            + "\(weight)</title></rect>")
      }
      if cell >= 6 {
        let size = min(cell, 12)
        let middle = query * cell + cell - 1
        lines.append(
          "<text x=\"-3\" y=\"\(middle)\" font-size=\"\(size)\" text-anchor=\"end\">"
            + "\(label(query))</text>")
        lines.append(
          "<text transform=\"translate(\(middle) -3) rotate(-90)\" font-size=\"\(size)\">"
            + "\(label(query))</text>")
      }
    }
    return lines + ["</g>"]
  }

  /// Tokens are whatever somebody typed: nothing of them may become markup.
  private func label(_ place: Int) -> String { escapedForXML(Explanation.cell(tokens[place])) }
}
