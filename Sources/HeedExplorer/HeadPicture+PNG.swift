// The same panels as dots. Labels are drawn where a cell is higher than a letter, so not in long texts.

extension HeadPicture {
  /// Letters of a label; longer ones end in a tilde.
  private static let labelLength = 8
  private static let gap = 8

  /// Room for labels beside and above a panel.
  private var labelRoom: Int {
    cell > DotFont.height ? Self.labelLength * DotFont.advance + 2 : 0
  }

  /// Room for a title above the labels.
  private var titleRoom: Int { cell > DotFont.height ? DotFont.height + 3 : 0 }

  /// The picture as a PNG file, its provenance in text chunks.
  public var png: [UInt8] {
    let side = tokens.count * cell
    let width = labelRoom + side + Self.gap
    let height = titleRoom + labelRoom + side + Self.gap
    let rows = (panels.count + columns - 1) / columns
    var image = PNGImage(
      width: columns * width + Self.gap, height: max(1, rows) * height + Self.gap)
    for (index, panel) in panels.enumerated() {
      let left = Self.gap + labelRoom + index % columns * width
      let top = Self.gap + titleRoom + labelRoom + index / columns * height
      draw(panel, left: left, top: top, into: &image)
      if labelRoom > 0 { label(panel, left: left, top: top, in: &image) }
    }
    return image.file(texts: [("Title", caption)] + provenance.entries)
  }

  private func draw(_ panel: Panel, left: Int, top: Int, into image: inout PNGImage) {
    for query in tokens.indices {
      for key in tokens.indices {
        let color = ColorScale.color(panel.weights[query][key])
        for y in 0..<cell {
          for x in 0..<cell {
            let isHatched =
              !panel.isVisible[query][key] && (x + y + (query + key) * cell) % 4 == 0
            image[left + key * cell + x, top + query * cell + y] =
              isHatched ? (200, 200, 200) : color
          }
        }
      }
    }
  }

  /// Queries to the left, keys upwards above, and the title where it fits.
  private func label(_ panel: Panel, left: Int, top: Int, in image: inout PNGImage) {
    if panel.title.count * DotFont.advance <= labelRoom + tokens.count * cell {
      image.write(panel.title, x: left - labelRoom, y: top - labelRoom - titleRoom)
    }
    for (place, token) in tokens.enumerated() {
      let label = Self.letters(token)
      let middle = place * cell + (cell - DotFont.height) / 2
      image.write(
        label, x: left - 1 - label.unicodeScalars.count * DotFont.advance, y: top + middle)
      image.write(label, x: left + middle, y: top - 3, upwards: true)
    }
  }

  private static func letters(_ token: String) -> String {
    let letters = Array(token.replacing("\n", with: "\\n").unicodeScalars)
    let shown = letters.count > labelLength ? letters.prefix(labelLength - 1) + ["~"] : letters[...]
    return String(String.UnicodeScalarView(shown))
  }
}
