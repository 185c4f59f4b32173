import HeedModels
import HeedText

extension TextModel {
  /// The tokens of a text with the probability that each has behind those before it; the first has
  /// none, and those behind the last position of the model are left out.
  ///
  /// - Parameter alternativeCount: how many of the likeliest tokens are reported at each place.
  /// - Throws: `GenerationError` when there are no ids, or unknown ones.
  /// - Complexity: one pass, and a row of the vocabulary for each token of a slice.
  public func probabilities(
    of ids: [Int], alternativeCount: Int = 0
  ) throws(GenerationError) -> [GeneratedToken] {
    var settings = GenerationSettings()
    settings.allowsLongPrompts = true
    try check([ids], settings)
    let ids = ids.prefix(model.spec.contextLength)
    let steps = steps
    var states = [steps.start()]
    var tokens = [GeneratedToken(ids[0])]
    let sliceLength = PromptReading<DecoderSteps>.sliceLength
    for begin in stride(from: 0, to: ids.count - 1, by: sliceLength) {
      let slice = Array(ids[begin..<min(begin + sliceLength, ids.count - 1)])
      let scores = steps.read(
        [slice], states: &states, wanted: [slice.count], wantsHidden: false)
      for (place, logits) in scores[0].logits.enumerated() {
        tokens.append(
          GeneratedToken(
            ids[begin + place + 1], logits: logits, alternativeCount: alternativeCount))
      }
    }
    return tokens
  }
}
