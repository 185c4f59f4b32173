import Foundation
import HeedFormats
import HeedText

/// A tokenizer of a `tokenizer.json` given as text.
func pipeline(_ json: String) throws -> PipelineTokenizer {
  try PipelineTokenizer(json: JSONValue(parsing: json), place: "tokenizer.json")
}

/// A tokenizer whose model knows the given words; everything else is `[UNK]` with the id 0.
func wordLevel(
  _ words: [String], preTokenizer: String = "null", normalizer: String = "null",
  postProcessor: String = "null", decoder: String = "null", added: String = "[]"
) throws -> PipelineTokenizer {
  var vocabulary = JSONObject()
  for (id, word) in (["[UNK]"] + words).enumerated() { vocabulary[word] = .integer(id) }
  return try pipeline(
    """
    {"added_tokens": \(added), "normalizer": \(normalizer), "pre_tokenizer": \(preTokenizer),
     "post_processor": \(postProcessor), "decoder": \(decoder),
     "model": {"type": "WordLevel", "unk_token": "[UNK]",
               "vocab": \(JSONValue.object(vocabulary).text())}}
    """)
}

/// A tokenizer whose model knows nothing, so that its tokens show the words it was given.
private func showing(_ stage: String, _ json: String) throws -> PipelineTokenizer {
  try pipeline(
    #"{"\#(stage)": \#(json), "model": {"type": "Unigram", "unk_id": 0, "vocab": [["\u0000", 0]]}}"#
  )
}

/// The words that a pre-tokenizer cuts a text into.
func words(_ preTokenizer: String, _ text: String) throws -> [String] {
  try showing("pre_tokenizer", preTokenizer).encoding(of: text).tokens
}

/// What a normalizer makes of a text.
func normalized(_ normalizer: String, _ text: String) throws -> String {
  try showing("normalizer", normalizer).encoding(of: text).tokens.joined()
}

/// What a decoder makes of tokens.
func decoded(_ decoder: String, _ tokens: [String]) throws -> String {
  var different: [String] = []
  for token in tokens where !different.contains(token) { different.append(token) }
  let tokenizer = try wordLevel(different, decoder: decoder)
  return tokenizer.decode(tokens.compactMap { tokenizer.id(of: $0) })
}

/// A folder that is gone after `body`.
func withFolder(_ files: [String: [UInt8]], _ body: (String) throws -> Void) throws {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  for (name, bytes) in files {
    try Data(bytes).write(to: URL(fileURLWithPath: folder + "/" + name))
  }
  try body(folder)
}

/// Writes protobuf messages. Kinds of pieces: 1 normal, 2 unknown, 3 control, 4 user-defined, 5
/// unused, 6 byte.
enum Protobuf {
  static func varint(_ value: UInt64) -> [UInt8] {
    var value = value
    var bytes: [UInt8] = []
    repeat {
      let rest = value >> 7
      bytes.append(UInt8(value & 0x7F) | (rest > 0 ? 0x80 : 0))
      value = rest
    } while value > 0
    return bytes
  }

  static func field(_ number: UInt64, _ value: UInt64) -> [UInt8] {
    varint(number << 3) + varint(value)
  }

  static func field(_ number: UInt64, _ bytes: [UInt8]) -> [UInt8] {
    varint(number << 3 | 2) + varint(UInt64(bytes.count)) + bytes
  }

  static func piece(_ text: String, _ score: Float, _ kind: UInt64) -> [UInt8] {
    let bits = score.bitPattern
    let word = (0..<4).map { UInt8(truncatingIfNeeded: bits >> UInt32($0 * 8)) }
    return field(
      1, field(1, Array(text.utf8)) + varint(2 << 3 | 5) + word + field(3, kind))
  }

  /// A model of pieces; type 1 is unigram, 2 BPE.
  static func model(
    _ pieces: [(String, Float, UInt64)], type: UInt64, usesBytes: Bool = false,
    spacesAreSuffixes: Bool = false, normalizer: [UInt8] = []
  ) -> [UInt8] {
    pieces.flatMap { piece($0.0, $0.1, $0.2) }
      + field(
        2,
        field(3, type) + field(24, spacesAreSuffixes ? 1 : 0) + field(35, usesBytes ? 1 : 0))
      + field(3, normalizer)
  }
}

/// Random numbers that are the same every time.
struct SteadyGenerator: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return state ^ state >> 31
  }
}
