// The `.bin` files of llama2.c (legacy form): seven 32-bit numbers, then all weights in float32, each
// kind stacked over the layers. Its queries and keys lie as in GGUF files of Llama: the pairs of a
// rotary turn are neighbours. So it is given under GGUF's names, and what reads those reads this.
// Source: https://github.com/karpathy/llama2.c (export.py, legacy_export).

public import HeedTensor

/// A llama2.c model file, mapped into memory.
public struct Llama2CFile: TensorSource {
  /// The path it was opened with.
  public let path: String
  /// E.
  public let width: Int
  /// F.
  public let hiddenWidth: Int
  /// Blocks.
  public let layerCount: Int
  /// H.
  public let headCount: Int
  /// G.
  public let keyValueHeadCount: Int
  /// V.
  public let vocabularySize: Int
  /// Positions.
  public let contextLength: Int
  /// Whether the head is the token embedding.
  public let isHeadTied: Bool
  /// The names of all tensors, as a GGUF file has them.
  public let tensorNames: [String]
  private let places: [String: (offset: Int, shape: [Int])]
  private let file: MappedFile

  /// Opens a file and checks that its size is that of the model which its first bytes describe.
  public init(path: String) throws(FormatError) {
    do throws(FileError) { self.file = try MappedFile(path: path) } catch {
      throw FormatError(error)
    }
    self.path = path
    func wrong(_ what: String, _ expected: String) -> FormatError {
      FormatError(.malformed, what: what, place: path, expected: expected)
    }
    guard file.byteCount >= 28 else {
      throw wrong("the file has \(file.byteCount) bytes", "a header of 28")
    }
    let header = file.bytes(in: 0..<28)
    let numbers = (0..<7).map { Int(Int32(littleEndianBytes: header[$0 * 4..<$0 * 4 + 4])) }
    let vocabulary = abs(numbers[5])
    let sizes = Array(numbers[0..<5]) + [vocabulary, numbers[6]]
    guard sizes.allSatisfy({ $0 > 0 && $0 < 1 << 24 }), numbers[2] <= 4096,
      numbers[0] % numbers[3] == 0, numbers[3] % numbers[4] == 0,
      (numbers[0] / numbers[3]) % 2 == 0
    else { throw wrong("the header is \(numbers)", "the sizes of a llama2.c model") }
    (width, hiddenWidth, layerCount) = (sizes[0], sizes[1], sizes[2])
    (headCount, keyValueHeadCount) = (sizes[3], sizes[4])
    (vocabularySize, contextLength) = (vocabulary, sizes[6])
    isHeadTied = numbers[5] > 0
    let layout = Layout(sizes, isHeadTied: numbers[5] > 0)
    guard let end = layout.end, end == file.byteCount else {
      throw wrong(
        "the file has \(file.byteCount) bytes",
        "\(layout.end.map { "\($0)" } ?? "more") for a header of \(numbers)")
    }
    places = layout.places
    tensorNames = layout.names
  }

  /// Where each tensor lies.
  private struct Layout {
    var names: [String] = []
    var places: [String: (offset: Int, shape: [Int])] = [:]
    /// The size of the file; nil when it does not fit in 64 bits.
    var end: Int? = 28

    init(_ sizes: [Int], isHeadTied: Bool) {
      let (width, hiddenWidth, headCount) = (sizes[0], sizes[1], sizes[3])
      let keyWidth = width / headCount * sizes[4]
      add("token_embd.weight", [sizes[5], width])
      let kinds: [(String, [Int])] = [
        ("attn_norm", [width]), ("attn_q", [width, width]), ("attn_k", [keyWidth, width]),
        ("attn_v", [keyWidth, width]), ("attn_output", [width, width]), ("ffn_norm", [width]),
        ("ffn_gate", [hiddenWidth, width]), ("ffn_down", [width, hiddenWidth]),
        ("ffn_up", [hiddenWidth, width]),
      ]
      for (name, shape) in kinds {
        for layer in 0..<sizes[2] { add("blk.\(layer).\(name).weight", shape) }
      }
      add("output_norm.weight", [width])
      // Two tables of cosines and sines that nobody needs.
      skip([sizes[6], width / headCount])
      if !isHeadTied { add("output.weight", [sizes[5], width]) }
    }

    private mutating func add(_ name: String, _ shape: [Int]) {
      names.append(name)
      places[name] = (end ?? 0, shape)
      skip(shape)
    }

    /// Each axis is under 2^24, so a product of two and an element fits.
    private mutating func skip(_ shape: [Int]) {
      let next = end?.addingReportingOverflow(shape.reduce(4, *))
      end = next?.overflow == false ? next?.partialValue : nil
    }
  }

  /// Where the tensors come from, for messages.
  public var place: String { path }

  /// The shape of a tensor.
  public func shape(named name: String) throws(FormatError) -> [Int] { try known(name).shape }

  /// One tensor; throws when there is none of this name.
  public func tensor(named name: String) throws(FormatError) -> Tensor {
    let (offset, shape) = try known(name)
    return file.tensor(at: offset, shape: shape, .float32)
  }

  private func known(_ name: String) throws(FormatError) -> (offset: Int, shape: [Int]) {
    guard let place = places[name] else {
      throw FormatError(.missing, what: "no tensor \"\(name)\"", place: path)
    }
    return place
  }
}
