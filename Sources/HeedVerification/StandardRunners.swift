extension RunnerRegistry {
  /// The runners of the package.
  public static var standard: RunnerRegistry {
    RunnerRegistry([
      "ops_basic/norms": NormsRunner(),
      "ops_basic/activations": ActivationsRunner(),
      "ops_basic/losses": LossesRunner(),
      "ops_sdpa": SdpaRunner(),
      "ops_mha/multihead_attention": MultiHeadRunner(),
      "ops_mha/transformer_layers": TransformerLayersRunner(),
      "ops_position/rope_apply": RotaryRunner(),
      "ops_position/rope_scaling": RotaryScalingRunner(),
      "ops_position/sinusoidal": SinusoidalRunner(),
      "ops_position/alibi": AlibiRunner(),
      "ops_position/t5_bias": RelativeBucketsRunner(),
      "ops_variants/masked_variants": MaskedVariantsRunner(),
      "ops_variants/packed_varlen": PackedSequencesRunner(),
      "ops_variants/kv_cache_decode": CacheRunner(),
      "ops_variants/flex_attention": FlexAttentionRunner(),
      "onnx/Attention": OnnxAttentionRunner(),
      "onnx/FlexAttention": OnnxFlexAttentionRunner(),
      "onnx/RotaryEmbedding": OnnxRotaryRunner(),
      "onnx/LayerNormalization": OnnxNormsRunner(),
      "onnx/RMSNormalization": OnnxNormsRunner(),
      "onnx/GroupNormalization": OnnxNormsRunner(),
      "onnx/InstanceNormalization": OnnxNormsRunner(),
      "onnx/Softmax": OnnxElementsRunner(),
      "onnx/LogSoftmax": OnnxElementsRunner(),
      "onnx/Gelu": OnnxElementsRunner(),
      "onnx/Swish": OnnxElementsRunner(),
      "onnx/SwiGLU": OnnxElementsRunner(),
      "training/gpt2_lm": TrainingRunner(),
      "training/llama_lm": TrainingRunner(),
      "kind:model": ModelRunner(),
    ])
  }
}
