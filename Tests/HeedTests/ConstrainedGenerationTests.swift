import Heed
import HeedFormats
import HeedText
import Testing

@Suite struct ConstrainedGenerationTests {
  @Test(
    "a text matches the expression that it has to match, whatever the model would say",
    arguments: [
      "[a-d]{3,5}", "(ab|cd)+\\.", "\\d{2}:\\d{2}", "-?[1-9][0-9]*\\.", "a|bc|def", "",
    ])
  func expression(pattern: String) throws {
    let model = try TinyModel.text()
    let constraint = try TextConstraint(pattern: pattern)
    for strategy in [
      DecodingStrategy.sampling, .beam(BeamSettings(beamCount: 3)),
      .contrastive(candidateCount: 3, penalty: 0.5),
    ] {
      for seed in 0..<6 {
        var settings = settings(count: 200, seed: UInt64(seed))
        settings.strategy = strategy
        settings.constraint = constraint
        settings.stopTokens = try model.tokenizer.encode("\n")
        let text = try #require(try model.generate(["ab"], settings: settings).first)
        if text.finish != .length { #expect(constraint.matches(text.text), "\(text.text)") }
        if case .sampling = strategy, seed == 0 { #expect(text.finish != .length) }
      }
    }
  }

  @Test("a text is JSON of the schema that it has to meet, also with guesses ahead")
  func schema() throws {
    let model = try TinyModel.text()
    let schema: JSONValue = [
      "type": "object",
      "properties": [
        "a": ["type": "integer", "minimum": -20, "maximum": 120],
        "b": ["type": "array", "items": ["enum": [1, "c", "dd"]], "minItems": 1, "maxItems": 3],
        "c": ["type": "string", "maxLength": 4],
      ],
      "required": ["a", "b"],
    ]
    var settings = settings(count: 120)
    settings.constraint = try TextConstraint(jsonSchema: schema)
    for seed in 0..<12 {
      settings.sampling.seed = UInt64(seed)
      settings.speculation = nil
      let text = try #require(try model.generate(["ab"], settings: settings).first)
      #expect(text.finish == .constraint)
      let value = try JSONValue(parsing: text.text)
      #expect((-20...120).contains(value["a"]?.integer ?? 999))
      #expect((1...3).contains(value["b"]?.array?.count ?? 0))
      settings.speculation = .draft(model, count: 4)
      #expect(try model.generate(["ab"], settings: settings).first?.text == text.text)
    }
  }
}
