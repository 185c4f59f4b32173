import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Published generation settings")
struct PublishedGenerationTests {
  private let config: JSONValue = [
    "do_sample": true, "temperature": 0.7, "top_k": 20, "top_p": 0.8, "min_p": .null,
    "typical_p": 1.0, "repetition_penalty": 1, "no_repeat_ngram_size": 3, "num_beams": 1,
    "max_new_tokens": 2048, "min_length": 0, "bad_words_ids": [[5], [6, 7]],
    "suppress_tokens": [1, 2], "begin_suppress_tokens": 220, "forced_bos_token_id": .null,
    "eos_token_id": [151_645, 151_643], "bos_token_id": 151_643, "unknown": "word",
    "transformers_version": "4.51.0",
  ]

  @Test("every member is read under its name, and null is as absent as what is not there")
  func members() throws {
    let published = try PublishedGeneration(config, place: "test")
    var want = PublishedGeneration()
    want.isSampling = true
    (want.temperature, want.topK, want.topP, want.typicalP) = (0.7, 20, 0.8, 1)
    (want.repetitionPenalty, want.noRepeatLength, want.beamCount) = (1, 3, 1)
    (want.maximumNewTokens, want.minimumLength) = (2048, 0)
    want.forbiddenSequences = [[5], [6, 7]]
    (want.suppressedTokens, want.suppressedFirstTokens) = ([1, 2], [220])
    (want.endTokens, want.beginningToken) = ([151_645, 151_643], 151_643)
    #expect(published == want)
    let empty = try PublishedGeneration([:], place: "test")
    #expect(empty == PublishedGeneration())
  }

  @Test(
    "a member of another type is refused by its name",
    arguments: [
      ("do_sample", "yes"), ("temperature", "warm"), ("top_k", 1.5), ("top_k", -1),
      ("bad_words_ids", [5]), ("bad_words_ids", [[]]), ("suppress_tokens", ["a"]),
      ("max_new_tokens", [3]),
    ] as [(String, JSONValue)])
  func wrong(member: String, value: JSONValue) {
    let error = #expect(throws: FormatError.self) {
      try PublishedGeneration(config.with((member, value)), place: "test")
    }
    #expect(error?.what.contains("\"\(member)\"") == true)
  }

  @Test("settings are found beside a model, and in a GGUF file that has them")
  func places() throws {
    let (_, _, parameters) = try smallParameters(SmallConfig.llama)
    try withModelFolder(SmallConfig.llama, parameters, generation: config) { folder in
      #expect(try PublishedGeneration(path: folder).topK == 20)
      let file = folder + "/model.gguf"
      try ModelConversion.convert(
        folder, to: file, type: .f32,
        metadata: [("general.sampling.min_p", .float32(0.05))])
      let published = try PublishedGeneration(path: file)
      #expect(published.temperature == 0.7 && published.topK == 20 && published.minP == 0.05)
      #expect(published.typicalP == nil && published.isSampling == nil)
    }
    try withModelFolder(SmallConfig.llama, parameters) { folder in
      let published = try PublishedGeneration(path: folder)
      #expect(published == PublishedGeneration())
    }
  }

  @Test("settings travel into a GGUF file and back, unless a model is not to draw")
  func conversion() throws {
    let (_, _, parameters) = try smallParameters(SmallConfig.llama)
    for (isSampling, want): (JSONValue, Double?) in [(true, 0.7), (.null, 0.7), (false, nil)] {
      let config = config.with(("do_sample", isSampling), ("eos_token_id", 5))
      try withModelFolder(SmallConfig.llama, parameters, generation: config) { folder in
        let (file, made) = (folder + "/model.gguf", folder + "/made")
        try ModelConversion.convert(folder, to: file, type: .f32)
        try ModelConversion.convert(file, to: made, type: .f32)
        for path in [file, made] {
          let published = try PublishedGeneration(path: path)
          #expect(published.temperature == want && published.topP == want.map { _ in 0.8 })
          #expect(published.topK == want.map { _ in 20 } && published.suppressedTokens == [1, 2])
        }
        let published = try PublishedGeneration(path: made)
        #expect(published.isSampling == want.map { _ in true } && published.endTokens == [5])
      }
    }
  }
}
