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
      sources[WeightBinding.Key(path: slot.path, layer: slot.layer)] = place
      // Several slots may be parts of one tensor.
      if parameters[place.name] != nil { continue }
      let shape = place.layout.fileShape(of: slot.shape)
      var generator = RandomGenerator(seed: seed, stream: UInt64(index))
      parameters[place.name] =
        switch slot.start {
        case .constant(let value): Tensor(repeating: Float(value), shape: shape)
        case .random: generator.normal(shape, deviation: 0.02)
        case .branchEnd:
          generator.normal(
            shape, deviation: 0.02 / (2 * Double(spec.blocks.count)).squareRoot())
        }
    }
    return (WeightBinding(sources: sources), parameters)
  }
}
