import HeedBlocks
public import HeedTensor

extension WeightMap {
  /// Untrained parameters of `spec`, under the names that files use.
  ///
  /// Weights are normal with deviation 0.02, those that end a residual branch smaller by
  /// `1/sqrt(2 · layers)` (Radford et al. 2019), biases 0, gains 1.
  public func freshParameters(
    of spec: ModelSpec, seed: UInt64
  ) -> (binding: WeightBinding, parameters: [String: Tensor]) {
    var sources: [WeightBinding.Key: WeightBinding.Source] = [:]
    var parameters: [String: Tensor] = [:]
    for (index, slot) in spec.slots.enumerated() {
      guard let place = source(of: slot, withPrefix: true) else {
        preconditionFailure("\(spec.family) has no name for \(slot.path)")
      }
      sources[WeightBinding.Key(path: slot.path, layer: slot.layer)] =
        WeightBinding.Source(name: place.name, layout: place.layout)
      let shape = place.layout == .columns ? Array(slot.shape.reversed()) : slot.shape
      if slot.path.hasSuffix(".gain") {
        parameters[place.name] = Tensor(repeating: Float(1), shape: shape)
      } else if slot.path.hasSuffix(".bias") {
        parameters[place.name] = Tensor(zeros: shape)
      } else {
        let endsBranch =
          slot.path == "attention.output.weight" || slot.path == "feedForward.down.weight"
        let deviation =
          endsBranch ? 0.02 / (2 * Double(spec.blocks.count)).squareRoot() : 0.02
        var generator = RandomGenerator(seed: seed, stream: UInt64(index))
        parameters[place.name] = generator.normal(shape, deviation: deviation)
      }
    }
    return (WeightBinding(sources: sources), parameters)
  }
}
