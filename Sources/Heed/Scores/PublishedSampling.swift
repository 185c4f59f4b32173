public import HeedModels

extension SamplingSettings {
  /// Takes over what was published with a model, as transformers does: filters and the temperature where
  /// tokens are to be drawn (`do_sample`, or numbers that only make sense then), penalties, forbidden
  /// tokens and lengths always. What is not said stays as it is, but for a temperature of 1.
  ///
  /// - Parameter withFilters: false for beams and contrastive search, which draw nothing.
  public mutating func apply(_ published: PublishedGeneration, withFilters: Bool = true) {
    func set(_ setting: inout Float, _ value: Double?) {
      if let value { setting = Float(value) }
    }
    let isSaid =
      published.temperature != nil || published.topK != nil || published.topP != nil
      || published.minP != nil
    if withFilters, published.isSampling ?? isSaid {
      temperature = Float(published.temperature ?? 1)
      if let count = published.topK { topK = count > 0 ? count : nil }
      set(&topP, published.topP)
      set(&minP, published.minP)
      set(&typicalP, published.typicalP)
      set(&epsilonCutoff, published.epsilonCutoff)
      set(&etaCutoff, published.etaCutoff)
    }
    set(&repetitionPenalty, published.repetitionPenalty)
    if let length = published.noRepeatLength, length > 0 { noRepeatLength = length }
    forbiddenSequences += published.forbiddenSequences ?? []
    suppressedTokens += published.suppressedTokens ?? []
    suppressedFirstTokens += published.suppressedFirstTokens ?? []
    minimumNewTokens = max(minimumNewTokens, published.minimumNewTokens ?? 0)
  }
}
