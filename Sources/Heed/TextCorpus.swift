public import HeedFormats

/// The texts that a recipe learns from, and those that tell how well it learnt.
public struct TextCorpus: Sendable {
  /// What is learnt.
  public let training: [String]
  /// What is only predicted.
  public let validation: [String]

  /// Texts of both kinds.
  public init(training: [String], validation: [String]) {
    self.training = training
    self.validation = validation
  }

  /// One text, whose first part is learnt and whose rest validates.
  ///
  /// - Parameter trainingShare: of its characters (Unicode scalars).
  public init(_ text: String, trainingShare: Double) {
    let scalars = text.unicodeScalars
    let count = Int(Double(scalars.count) * min(max(trainingShare, 0), 1))
    let cut = scalars.index(scalars.startIndex, offsetBy: count)
    self.init(training: [String(scalars[..<cut])], validation: [String(scalars[cut...])])
  }

  /// The texts of a folder: `train*.txt` and `valid*.txt`, in the order of their names, plain or
  /// compressed by gzip (`.txt.gz`).
  ///
  /// - Throws: `FormatError` when the folder or a kind of text is missing, or a file is no text.
  public init(folder: String) throws(FormatError) {
    let expected = "texts train*.txt and valid*.txt, or the same compressed: .txt.gz"
    guard FileAccess.isFolder(folder) else {
      throw FormatError(
        .missing, what: "there is no such folder", place: folder, expected: expected)
    }
    let names = FileAccess.names(in: folder).filter {
      $0.hasSuffix(".txt") || $0.hasSuffix(".txt.gz")
    }
    func texts(_ prefix: String) throws(FormatError) -> [String] {
      var texts: [String] = []
      for name in names where name.hasPrefix(prefix) {
        texts.append(try TextFile.text(at: folder + "/" + name))
      }
      guard !texts.isEmpty else {
        throw FormatError(
          .missing, what: "no text whose name begins with \"\(prefix)\"", place: folder,
          expected: expected)
      }
      return texts
    }
    self.init(training: try texts("train"), validation: try texts("valid"))
  }
}
