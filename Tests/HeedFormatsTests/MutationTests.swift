import Foundation
import HeedFormats
import HeedTensor
import Testing

/// Small valid files, damaged in thousands of ways that are the same every time: each has to end in a
/// value or a `FormatError`. A trap would end the test run, so there is nothing else to expect.
@Suite("Damaged files")
struct MutationTests {
  /// One damage: bytes flipped, removed, doubled, put in, or cut off.
  private func damaged(_ bytes: [UInt8], _ random: inout SeededNumbers) -> [UInt8] {
    var bytes = bytes
    for _ in 0...Int.random(in: 0..<3, using: &random) where !bytes.isEmpty {
      let place = Int.random(in: 0..<bytes.count, using: &random)
      let end = min(bytes.count, place + Int.random(in: 1...8, using: &random))
      switch Int.random(in: 0..<8, using: &random) {
      case 0: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 1: bytes[place] = UInt8.random(in: 0...255, using: &random)
      case 2: bytes.removeSubrange(place..<end)
      case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
      case 4: bytes.removeLast(bytes.count - place)
      // What matters to a parser: brackets, quotes, signs, digits in a row, halves of surrogates.
      case 5:
        let pieces = [
          "[", "{", "}", "]", "\"", "\\", ",", ":", "-", "e", ".", "0", "9999999999999999999",
          "1e400", "\\ud800", "\\u0000", "null", "-0", "18446744073709551615", "\u{1F600}",
        ]
        bytes.insert(contentsOf: (pieces.randomElement(using: &random) ?? "").utf8, at: place)
      case 6: bytes.swapAt(place, end - 1)
      // Digits: lengths and offsets.
      default:
        let digits = bytes.indices.filter { (0x30...0x39).contains(bytes[$0]) }
        if let digit = digits.randomElement(using: &random) {
          bytes[digit] = 0x30 + UInt8.random(in: 0...9, using: &random)
        }
      }
    }
    return bytes
  }

  @Test("damaged JSON is a value that writes and reads back, or an error")
  func json() {
    let texts = [
      #"{"width": 24, "rope": {"type": "yarn", "factor": 4.0, "beta": [32, 1e-3]}, "tie": true}"#,
      #"[1, -2.5e-3, "é\n\u0001\ud83d\ude00", null, [], {}, {"a": {"b": [[[0]]]}}]"#,
    ]
    var random = SeededNumbers(seed: 11)
    var accepted = 0
    for text in texts {
      for _ in 0..<4000 {
        let bytes = damaged(Array(text.utf8), &random)
        guard let value = Self.outcome({ () throws(FormatError) in try JSONValue(parsing: bytes) })
        else { continue }
        accepted += 1
        let again = Self.outcome { () throws(FormatError) in try JSONValue(parsing: value.text()) }
        #expect(again == value)
      }
    }
    // Damage inside strings and numbers leaves valid documents, most of the others do not.
    #expect(accepted > 100 && accepted < 6000)
  }

  @Test("a damaged safetensors file opens with tensors inside its bytes, or is an error")
  func safetensorsFiles() throws {
    let folder = try TemporaryFolder()
    let whole = folder.file("whole")
    try SafetensorsFile.write(
      [
        "a": Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3]), "b": Tensor([Int64.max]),
        "c": Tensor([true, false]), "d": Tensor(zeros: [0, 4]),
        "e": Tensor([0.5] as [Float]).converted(to: .bfloat16),
      ], metadata: ["format": "pt"], to: whole)
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: whole)))
    let header = 8 + bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    var random = SeededNumbers(seed: 12)
    var accepted = 0
    for round in 0..<2500 {
      var file: [UInt8]
      switch round % 3 {
      // Anywhere, in the header alone with its length kept right, and in the length alone.
      case 0: file = damaged(bytes, &random)
      case 1:
        let text = damaged(Array(bytes[8..<header]), &random)
        file = Self.length(UInt64(text.count)) + text + bytes[header...]
      default:
        let exponent = UInt64.random(in: 0..<64, using: &random)
        let length = (1 << exponent) &+ UInt64.random(in: 0..<16, using: &random)
        file = Self.length(length) + bytes[8...]
      }
      // A new name each time: an old one may still be mapped.
      let path = folder.path + "/\(round)"
      _ = FileManager.default.createFile(atPath: path, contents: Data(file))
      let opened = Self.outcome { () throws(FormatError) in try SafetensorsFile(path: path) }
      for name in opened?.tensorNames ?? [] {
        let tensor = Self.outcome { () throws(FormatError) in
          try opened?.tensor(named: name)
        }
        if let tensor = tensor ?? nil {
          #expect(tensor.count * tensor.elementType.byteCount <= file.count)
          // Reads every byte.
          #expect(tensor.copied().shape == tensor.shape)
        }
      }
      if opened != nil { accepted += 1 }
      try FileManager.default.removeItem(atPath: path)
    }
    #expect(accepted > 10 && accepted < 1500)
  }

  /// The value, or nil after a `FormatError` that says something.
  private static func outcome<Value>(_ body: () throws(FormatError) -> Value) -> Value? {
    do throws(FormatError) { return try body() } catch {
      #expect(!error.description.isEmpty)
      return nil
    }
  }

  private static func length(_ count: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: count >> ($0 * 8)) }
  }
}

/// The finaliser of SplitMix64 over a counter.
private struct SeededNumbers: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
