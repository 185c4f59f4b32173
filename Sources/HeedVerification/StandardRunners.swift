extension RunnerRegistry {
  /// The runners of the package.
  public static var standard: RunnerRegistry {
    RunnerRegistry([
      "ops_basic/norms": NormsRunner(),
      "ops_basic/activations": ActivationsRunner(),
      "ops_basic/losses": LossesRunner(),
      "ops_sdpa": SdpaRunner(),
      "kind:model": ModelRunner(),
    ])
  }
}
