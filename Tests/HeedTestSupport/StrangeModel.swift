import HeedFormats
import HeedTensor

/// Writes a GGUF file that can be copied, but of whose architecture, "strange", nothing is known.
public func writeStrangeModel(to file: String) throws {
  try GGUFFile.write(
    metadata: [("general.architecture", .string("strange"))],
    tensors: [
      GGUFTensor("a.weight", shape: [2, 32], type: .elements(.float32)) { Tensor(zeros: [2, 32]) }
    ], to: file)
}
