import HeedBlocks
import HeedFormats
import HeedTensor

/// Parameters by their names in files: numbers, and blocks of small weights.
struct StoredParameters: Sendable {
  let tensors: [String: Tensor]
  let blocks: [String: BlockTensor]

  init(_ tensors: [String: Tensor], blocks: [String: BlockTensor]) {
    self.tensors = tensors
    self.blocks = blocks
  }

  /// Those of `names`, as they lie in a source.
  init(_ names: some Sequence<String>, of source: any TensorSource) throws(FormatError) {
    var tensors: [String: Tensor] = [:]
    var blocks: [String: BlockTensor] = [:]
    for name in names {
      if let found = try source.blocks(named: name) {
        blocks[name] = found
      } else {
        tensors[name] = try source.floatingPointTensor(named: name)
      }
    }
    self.init(tensors, blocks: blocks)
  }

  /// The weight of a slot.
  ///
  /// - Precondition: the parameter that `binding` names for it is there.
  func weight(_ path: String, _ layer: Int?, _ binding: WeightBinding) -> MatrixWeight {
    if let source = binding.source(path, layer) {
      // Layouts move whole rows, and a row of bytes is a row.
      if let blocks = blocks[source.name] {
        return .blocks(BlockTensor(blocks.type, bytes: source.layout.moved(blocks.bytes)))
      }
      if let tensor = tensors[source.name] { return .dense(source.layout.moved(tensor)) }
    }
    preconditionFailure("LanguageModel: no parameter for \(path) of layer \(layer ?? -1)")
  }
}

extension WeightLayout {
  /// The weight in a file's tensor, whose pages leave memory when it is a copy.
  fileprivate func moved(_ tensor: Tensor) -> Tensor {
    let result = weight(in: tensor)
    if result.storage !== tensor.storage { tensor.releasePages() }
    return result
  }
}
