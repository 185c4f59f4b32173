extension Explanation {
  /// The explanation for a terminal: the text with a bar under each token, then the heads.
  ///
  /// - Parameters:
  ///   - heads: those that get a line; all when nil.
  ///   - width: columns of the terminal.
  ///   - color: whether tokens may be tinted.
  public func drawing(
    heads: [(layer: Int, head: Int)]? = nil, width: Int = 80, color: Bool = false
  ) -> String {
    let mean = meanReading()
    var lines = [
      "\(Self.cell(model)) read \(tokens.count) tokens and expects next: "
        + next.map { "\(Self.visible($0.token)) \(Self.percent($0.probability))" }
        .joined(separator: "  "),
      "",
      "What position \(query) (\(Self.visible(tokens[query]))) reads from, "
        + "mean of \(layerCount) layers x \(headCount) heads "
        + "(a full bar is \(Self.percent(Double(mean.max() ?? 0)))):",
    ]
    lines += bars(mean, width: width, color: color)
    lines.append("")
    lines.append("Head by head, what it reads most from:")
    for (layer, head) in heads ?? allHeads { lines.append("  " + line(layer: layer, head: head)) }
    return lines.joined(separator: "\n")
  }

  /// "layer 2 head 1   'f' 41 %, ' ' 22 %, 30 % sink, 7 % elsewhere   (previous token)"
  private func line(layer: Int, head: Int) -> String {
    let weights = reading(layer: layer, head: head)
    let best = weights.indices.sorted {
      weights[$0] == weights[$1] ? $0 < $1 : weights[$0] > weights[$1]
    }.prefix(3).filter { weights[$0] > 0.005 }
    let shown = best.map { weights[$0] }.reduce(0, +)
    var parts = best.map {
      "\(Self.visible(tokens[$0])) at \($0) \(Self.percent(Double(weights[$0])))"
    }
    let sink = sinkMass(layer: layer, head: head)
    if sink > 0 { parts.append("\(Self.percent(Double(sink))) sink") }
    let rest = max(0, 1 - shown - sink)
    let badge = badge(layer: layer, head: head).map { "   (\($0))" } ?? ""
    return "layer \(layer) head \(head)   " + parts.joined(separator: ", ")
      + ", \(Self.percent(Double(rest))) elsewhere" + badge
  }

  /// Tokens in rows of `width` columns, with an eighth-block bar below each column of a character.
  private func bars(_ weights: [Float], width: Int, color: Bool) -> [String] {
    let blocks: [Character] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    let most = max(weights.max() ?? 0, .leastNormalMagnitude)
    var lines: [String] = []
    var (text, bar) = ("  ", "  ")
    var column = 2
    for (place, token) in tokens.enumerated() {
      let shown = Self.cell(token)
      let columns = shown.terminalColumns
      if column + columns > width {
        lines += [text, bar]
        (text, bar, column) = ("  ", "  ", 2)
      }
      let level = Int((weights[place] / most * 8).rounded())
      let isQuery = place == query
      text += isQuery && color ? "\u{1B}[7m\(shown)\u{1B}[0m" : shown
      bar += String(repeating: blocks[level], count: columns)
      column += columns
    }
    return lines + [text, bar]
  }

  /// A token as it can stand in a line: a terminal acts on control characters, those above ASCII too.
  static func cell(_ token: String) -> String {
    let shown = token.unicodeScalars.map { scalar -> Unicode.Scalar in
      scalar == "\n" ? "↵" : scalar.properties.generalCategory == .control ? "·" : scalar
    }
    return String(String.UnicodeScalarView(shown))
  }

  /// A token in quotes.
  static func visible(_ token: String) -> String { "'" + cell(token) + "'" }

  static func percent(_ share: Double) -> String {
    guard share.isFinite else { return "? %" }
    return share > 0 && share < 0.005 ? "<1 %" : "\(Int((share * 100).rounded())) %"
  }
}
