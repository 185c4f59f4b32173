import Heed
import HeedExplorer
import HeedFormats
import HeedModels
import HeedTensor
import HeedText
import Testing

private let small: JSONValue = [
  "model_type": "gpt2", "n_embd": 8, "n_head": 2, "n_layer": 2, "n_positions": 32,
  "vocab_size": 9,
]

extension JSONValue {
  /// The same object with another value of a member.
  fileprivate func with(_ name: String, _ value: JSONValue) -> JSONValue {
    var members = object ?? JSONObject()
    members[name] = value
    return .object(members)
  }
}

private func textModel(
  _ config: JSONValue = small, _ family: ModelFamily = .gpt2, name: String = "tiny",
  characters: String = "abc<&\"> \n", damage: (inout [String: Tensor]) -> Void = { _ in }
) throws -> TextModel {
  let spec = try family.spec(config, "test")
  let fresh = family.weights(spec).freshParameters(of: spec, seed: 2)
  var parameters = fresh.parameters
  damage(&parameters)
  return TextModel(
    name: name,
    model: LanguageModel(spec: spec, binding: fresh.binding, parameters: parameters),
    tokenizer: CharacterTokenizer(charactersOf: characters))
}

/// A model with a window of three keys.
private let windowed: JSONValue = [
  "model_type": "gpt_oss", "hidden_size": 12, "num_attention_heads": 2,
  "num_key_value_heads": 1, "head_dim": 6, "num_hidden_layers": 1, "intermediate_size": 6,
  "vocab_size": 9, "num_local_experts": 2, "num_experts_per_tok": 1, "sliding_window": 3,
  "layer_types": ["sliding_attention"], "max_position_embeddings": 32,
]

@Suite struct PictureTests {
  @Test("an explanation's weights are causal and sum to one")
  func weights() throws {
    let explanation = try Explanation(textModel(), prompt: "ab cab")
    #expect(explanation.layerCount == 2 && explanation.headCount == 2 && explanation.query == 5)
    for (query, row) in explanation.weights(layer: 1, head: 1).enumerated() {
      #expect(abs(row.reduce(0, +) - 1) < 1e-5)
      #expect(row[(query + 1)...].allSatisfy { $0 == 0 })
    }
    #expect(abs(explanation.meanReading().reduce(0, +) - 1) < 1e-5)
  }

  @Test("the drawing fits its width and shows every token")
  func drawing() throws {
    let text = "ab\ncab ab cab abc cba"
    let drawing = try Explanation(textModel(), prompt: text).drawing(width: 20)
    let lines = drawing.split(separator: "\n", omittingEmptySubsequences: false)
    let shown = lines.filter { $0.hasPrefix("  ") && !$0.contains("layer") }
    #expect(shown.allSatisfy { $0.count <= 20 })
    #expect(drawing.contains("↵"))
    #expect(drawing.contains("layer 1 head 1"))
  }

  @Test("bars lie below their letters, also below wide ones and those of several scalars")
  func wideLetters() throws {
    let letters = "日é👍ㄱabc\u{FF01}e"
    let model = try textModel(characters: letters)
    for (text, columns) in [("日", 2), ("a", 1), ("é", 1), ("👍", 2), ("日a👍é\u{FF01}", 8)] {
      let lines = try Explanation(model, prompt: text).drawing(width: 20)
        .split(separator: "\n", omittingEmptySubsequences: false)
      let place = try #require(lines.firstIndex { $0 == "  " + text })
      #expect(lines[place + 1].count == 2 + columns, "\(text)")
    }
    let wrapped = try Explanation(model, prompt: String(repeating: "日", count: 10))
      .drawing(width: 20).split(separator: "\n")
    #expect(wrapped.contains { $0 == "  " + String(repeating: "日", count: 9) })
  }

  @Test("what a window hides is hatched, what a sink takes is a share of its own")
  func windowsAndSinks() throws {
    let explanation = try Explanation(textModel(windowed, .gptOSS), prompt: "ab cab")
    let visible = explanation.visibility(layer: 0, head: 1)
    for query in 0..<6 {
      #expect(visible[query] == (0..<6).map { $0 <= query && $0 > query - 3 })
      let sum = explanation.weights(layer: 0, head: 1)[query].reduce(0, +)
      #expect(sum < 0.99)
    }
    // 1 + 2 + 3 + 3 + 3 + 3 cells that are seen.
    let svg = HeadPicture(explanation, heads: [(0, 1)]).svg
    #expect(svg.split(separator: " reads ").count - 1 == 15)
    let sink = explanation.sinkMass(layer: 0, head: 1)
    let read = explanation.reading(layer: 0, head: 1).reduce(0, +)
    #expect(sink > 0.01 && abs(read + sink - 1) < 1e-5)
    #expect(explanation.drawing().contains(" % sink, "))
    #expect(explanation.json.contains("\"sink\""))
    #expect(try !Explanation(textModel(), prompt: "ab").drawing().contains("sink"))
  }

  @Test("tokens are text in an SVG, never markup")
  func escaping() throws {
    let explanation = try Explanation(textModel(), prompt: "a<b>&\"")
    let svg = HeadPicture(explanation, heads: [(0, 0)]).svg
    #expect(svg.hasPrefix("<svg") && svg.hasSuffix("</svg>"))
    #expect(svg.contains("&lt;") && svg.contains("&amp;") && svg.contains("&quot;"))
    #expect(!svg.contains("<b>"))
  }

  @Test("whatever a token or a name holds, files are well-formed and terminals are left alone")
  func forbiddenCharacters() throws {
    // Those that XML 1.0 has no way to write, delete, and one that starts a terminal's command.
    let codes = Array(0...0x1F as ClosedRange<UInt32>) + [0x7F, 0x9B, 0xFFFE, 0xFFFF]
    let text = String(String.UnicodeScalarView(codes.compactMap { Unicode.Scalar($0) }))
    let model = try textModel(
      small.with("vocab_size", .integer(codes.count)).with("n_positions", 64),
      name: "name\u{0}\u{1}\u{FFFF}", characters: text)
    let explanation = try Explanation(model, prompt: text)
    let picture = HeadPicture(explanation, heads: [(0, 0)])
    #expect(isWellFormed(picture.svg))
    #expect(
      !isWellFormed("<a>\u{1}</a>") && !isWellFormed("<a>&</a>") && !isWellFormed("<a><b></a>"))
    #expect(picture.svg.contains("name\u{FFFD}\u{FFFD}\u{FFFD}"))
    #expect(picture.png.firstRange(of: Array("Model\0\0\0\0\0name\u{FFFD}\u{1}".utf8)) != nil)
    #expect(
      explanation.drawing().unicodeScalars.allSatisfy {
        $0 == "\n" || $0.properties.generalCategory != .control
      })
  }

  /// Whether `text` has only characters of XML 1.0, entities that it knows, and tags that match.
  private func isWellFormed(_ text: String) -> Bool {
    let isAllowed = text.unicodeScalars.allSatisfy {
      ["\t", "\n", "\r"].contains($0) || (" "..."\u{FFFD}").contains($0) || $0 > "\u{FFFF}"
    }
    let entities = text.split(separator: "&", omittingEmptySubsequences: false).dropFirst()
    let areKnown = entities.allSatisfy { rest in
      ["amp;", "lt;", "gt;", "quot;"].contains { rest.hasPrefix($0) }
    }
    var open: [Substring] = []
    for piece in text.split(separator: "<", omittingEmptySubsequences: false).dropFirst() {
      let tag = piece.prefix { $0 != ">" }
      let name = tag.prefix { $0 != " " && $0 != "/" }
      if tag.first == "/" {
        guard open.popLast() == tag.dropFirst() else { return false }
      } else if tag.last != "/" {
        open.append(name)
      }
    }
    return isAllowed && areKnown && open.isEmpty
  }

  @Test(
    "weights that are no numbers are words in JSON, where the chosen position does not see them")
  func notANumber() throws {
    let model = try textModel(windowed, .gptOSS) { parameters in
      let name = "model.embed_tokens.weight"
      guard let table = parameters[name] else { return }
      var values: [Float] = table.elements()
      values.replaceSubrange(0..<table.shape[1], with: repeatElement(.nan, count: table.shape[1]))
      parameters[name] = Tensor(values, shape: table.shape)
    }
    // The first of the sorted characters.
    let explanation = try Explanation(model, prompt: "\nabcab")
    let json = explanation.json(heads: [(0, 0)], withMatrices: true)
    let matrix = try JSONValue(parsing: json)["heads"]?.array?[0]["matrix"]?.array
    #expect(matrix?.count == 6 && matrix?[0].array?[0].string == "nan")
    #expect(matrix?[5].array?[5].number.map { $0 > 0 } == true)
  }

  @Test("a PNG has its signature, its size and its end")
  func png() throws {
    let bytes = HeadPicture(
      try Explanation(textModel(), prompt: "abc"), heads: [(0, 0), (0, 1)]
    ).png
    #expect(Array(bytes.prefix(8)) == [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
    func big(_ at: Int) -> Int { bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) } }
    // Two heads of 3 x 3 cells of 16 pixels side by side, gaps of 8, labels of 50, a title of 10.
    #expect(big(16) == 2 * (56 + 50) + 8 && big(20) == 56 + 50 + 10 + 8)
    #expect(Array(bytes.suffix(8).prefix(4)) == Array("IEND".utf8))
  }

  @Test("a picture says what it was made of, and the same input gives the same bytes")
  func provenance() throws {
    func picture(_ text: String, _ name: String = "tiny") throws -> HeadPicture {
      let model = try textModel()
      let named = TextModel(name: name, model: model.model, tokenizer: model.tokenizer)
      return HeadPicture(try Explanation(named, prompt: text), heads: [(0, 0)])
    }
    let first = try picture("ab c")
    #expect(try picture("ab c").png == first.png && picture("ab c").svg == first.svg)
    let of = first.provenance
    #expect(of.model == "tiny" && of.precision == "float32" && of.kernels == Kernels.name)
    #expect(of.version == HeedVersion.current)
    let other = try picture("ab b").provenance
    #expect(other.inputDigest != of.inputDigest && other.modelDigest == of.modelDigest)
    for (keyword, text) in [
      ("Model", "tiny"), ("Model digest", of.modelDigest), ("Input digest", of.inputDigest),
      ("Precision", "float32"), ("Kernels", Kernels.name), ("Software", "heed \(of.version)"),
    ] {
      let chunk = Array("tEXt\(keyword)\0\(text)".utf8)
      #expect(first.png.firstRange(of: chunk) != nil, "\(keyword)")
      #expect(first.svg.contains("\(keyword): \(text)"))
    }
    let accented = try picture("ab c", "mod\u{E8}le <1>")
    #expect(
      accented.png.firstRange(of: Array("iTXtModel\0\0\0\0\0mod\u{E8}le <1>".utf8)) != nil)
    #expect(accented.svg.contains("Model: mod\u{E8}le &lt;1&gt;;"))
  }

  @Test("keys and queries of a short text are named in a PNG, those of a long one are not")
  func labels() throws {
    let config = small.with("n_positions", 128)
    func size(_ count: Int) throws -> (Int, Int) {
      let text = String(repeating: "ab", count: count / 2)
      let bytes = HeadPicture(
        try Explanation(textModel(config), prompt: text), heads: [(0, 0)]
      ).png
      func big(_ at: Int) -> Int { bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) } }
      return (big(16), big(20))
    }
    // Cells of 8 pixels hold letters of 7; those of 4 do not.
    #expect(try size(60) == (8 + 50 + 480 + 8, 8 + 10 + 50 + 480 + 8))
    #expect(try size(120) == (8 + 480 + 8, 8 + 480 + 8))
  }

  @Test("a text that is empty, too long or unknown is refused with words")
  func refused() throws {
    let model = try textModel()
    for text in ["", String(repeating: "a", count: 33), "xyz"] {
      #expect(throws: TokenizerError.self) { try Explanation(model, prompt: text) }
    }
  }
}

@Suite struct GenerationTests {
  private func text(_ settings: GenerationSettings, _ prompt: String = "ab") throws -> String {
    var generator = try TextGenerator(textModel(), prompt: prompt, settings: settings)
    return generator.all()
  }

  @Test("the same seed gives the same text, another seed another")
  func seeds() throws {
    func sampled(_ seed: UInt64) throws -> String {
      try text(GenerationSettings(sampling: SamplingSettings(seed: seed), newTokenCount: 60))
    }
    #expect(try sampled(1) == sampled(1))
    #expect(try sampled(1) != sampled(2))
  }

  @Test("a text may be longer than the context")
  func long() throws {
    let long = try text(GenerationSettings(newTokenCount: 100))
    #expect(long.unicodeScalars.count == 100)
  }

  @Test("a stop ends the text and is not part of it")
  func stops() throws {
    let settings = SamplingSettings(seed: 3)
    let plain = try text(GenerationSettings(sampling: settings, newTokenCount: 80))
    let stop = String(plain.dropFirst(10).prefix(2))
    let stopped = try text(
      GenerationSettings(sampling: settings, newTokenCount: 80, stops: [stop]))
    let place = try #require(plain.firstRange(of: stop))
    #expect(stopped == String(plain[..<place.lowerBound]))
  }

  @Test("sampling settings cut what they say")
  func cuts() {
    let logits: [Float] = [2, 1, 0, -1]
    func drawn(_ settings: SamplingSettings) -> Set<Int> {
      Set((0..<300).map { settings.token(from: logits, history: [], step: $0) })
    }
    #expect(drawn(SamplingSettings(temperature: 0)) == [0])
    #expect(drawn(SamplingSettings(topK: 2)) == [0, 1])
    #expect(drawn(SamplingSettings(topP: 0.8)) == [0, 1])
    #expect(drawn(SamplingSettings(minP: 0.1)) == [0, 1, 2])
    #expect(drawn(SamplingSettings()) == [0, 1, 2, 3])
    #expect(
      SamplingSettings(temperature: 0, repetitionPenalty: 3)
        .token(from: logits, history: [0], step: 0) == 1)
    #expect(SamplingSettings(temperature: -1).problem != nil)
    #expect(SamplingSettings(topP: 0).problem != nil)
  }

  @Test(
    "a head has a badge when it scores above 0.4 and three times what looking everywhere alike does",
    arguments: ["To b", "To be, or", "To be, or not to be, that is the question"])
  func badges(text: String) throws {
    let explanation = try Explanation(try TextModel("shakespeare"), prompt: text)
    let queries = Array(2..<explanation.tokens.count)
    func mean(_ values: [Float]) -> Float { values.reduce(0, +) / Float(values.count) }
    let limit = max(0.4, 3 * mean(queries.map { 1 / Float($0 + 1) }))
    for (layer, head) in explanation.allHeads {
      let rows = explanation.weights(layer: layer, head: head)
      let scores = [
        "previous token": mean(queries.map { rows[$0][$0 - 1] }),
        "first token": mean(queries.map { rows[$0][0] }),
        "itself": mean(queries.map { rows[$0][$0] }),
      ]
      let badge = explanation.badge(layer: layer, head: head)
      for (name, score) in scores {
        if badge == name { #expect(score > limit) }
        if badge == nil { #expect(score <= limit) }
      }
    }
  }
}
