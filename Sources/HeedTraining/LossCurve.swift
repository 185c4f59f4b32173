import HeedFormats

/// Training and validation loss over the steps, as a drawing.
public enum LossCurve {
  private static let width = 720.0
  private static let height = 420.0
  private static let left = 56.0
  private static let right = 16.0
  private static let top = 40.0
  private static let bottom = 44.0

  /// An SVG document. The training loss is drawn as means of neighbouring steps, at most 240 of
  /// them, because the loss of single batches is mostly noise.
  public static func svg(_ entries: [TrainingLog.Entry], title: String) -> String {
    let training = smoothed(
      entries.compactMap { entry in
        entry.loss.map { Point(x: Double(entry.step), y: $0) }
      })
    let validation = entries.compactMap { entry in
      entry.validationLoss.map { Point(x: Double(entry.step), y: $0) }
    }
    let all = (training + validation).filter { $0.y.isFinite }
    let lastStep = max(1, all.map(\.x).max() ?? 1)
    let low = (all.map(\.y).min() ?? 0).rounded(.down)
    let high = max(low + 0.5, all.map(\.y).max() ?? 1)
    func x(_ step: Double) -> Double { left + step / lastStep * (width - left - right) }
    func y(_ loss: Double) -> Double {
      top + (high - loss) / (high - low) * (height - top - bottom)
    }
    var lines = [
      #"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \#(text(width)) \#(text(height))" "#
        + #"font-family="sans-serif" font-size="12">"#,
      #"<rect width="100%" height="100%" fill="white"/>"#,
      #"<text x="\#(text(left))" y="22" font-size="15">\#(escapedForXML(title))</text>"#,
    ]
    for tick in 0...4 {
      let loss = low + (high - low) * Double(tick) / 4
      let step = lastStep * Double(tick) / 4
      lines.append(
        #"<path d="M\#(text(left)) \#(text(y(loss)))H\#(text(width - right))" stroke="lightgray"/>"#
      )
      lines.append(
        #"<text x="\#(text(left - 6))" y="\#(text(y(loss) + 4))" text-anchor="end">"#
          + "\(text(loss))</text>")
      lines.append(
        #"<text x="\#(text(x(step)))" y="\#(text(height - bottom + 18))" text-anchor="middle">"#
          + "\(Int(step))</text>")
    }
    // Blue and orange are told apart with any kind of colour vision; the second one is dashed too.
    for (points, color, dash, name, place) in [
      (training, "#0072b2", "none", "training", 0.0),
      (validation, "#d55e00", "5 3", "validation", 1.0),
    ] {
      let path = points.map { "\(text(x($0.x))),\(text(y($0.y)))" }.joined(separator: " ")
      lines.append(
        #"<polyline points="\#(path)" fill="none" stroke="\#(color)" stroke-width="1.5" "#
          + #"stroke-dasharray="\#(dash)"/>"#)
      let last = points.last.map { " " + text($0.y) } ?? ""
      lines.append(
        #"<text x="\#(text(width - right))" y="\#(text(top + 14 + 16 * place))" "#
          + #"text-anchor="end" fill="\#(color)">\#(name)\#(last)</text>"#)
    }
    lines.append(
      #"<text x="\#(text(width / 2))" y="\#(text(height - 8))" text-anchor="middle">step"#
        + ", and loss in nats a token</text>")
    lines.append("</svg>")
    return lines.joined(separator: "\n") + "\n"
  }

  private struct Point {
    var x: Double
    var y: Double
  }

  private static func smoothed(_ points: [Point]) -> [Point] {
    let size = max(1, (points.count + 239) / 240)
    return stride(from: 0, to: points.count, by: size).map { start in
      let group = points[start..<min(start + size, points.count)]
      return Point(
        x: group.map(\.x).reduce(0, +) / Double(group.count),
        y: group.map(\.y).reduce(0, +) / Double(group.count))
    }
  }

  /// At most two digits after the point.
  private static func text(_ number: Double) -> String {
    let rounded = (number * 100).rounded() / 100
    return rounded == rounded.rounded() && abs(rounded) < 1e9
      ? String(Int(rounded)) : String(rounded)
  }
}
