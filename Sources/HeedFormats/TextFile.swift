/// Files of text.
public enum TextFile {
  /// The text of a UTF-8 file, plain or compressed by gzip.
  ///
  /// - Throws: `FormatError` when it cannot be read, is no text, or has more than 1 GB.
  public static func text(at path: String) throws(FormatError) -> String {
    var bytes = try FileAccess.bytes(of: path, maximumByteCount: 1 << 30)
    if Gzip.isCompressed(bytes) { bytes = try Gzip.decompressed(bytes, place: path) }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw FormatError(.malformed, what: "this is not UTF-8 text", place: path)
    }
    return text
  }
}
