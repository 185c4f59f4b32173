import HeedTensor
import Synchronization

// Packing a model takes most of the time before its first token: fresh memory of the size of its file is
// cleared and filled, and then read once. A text that is embedded or classified needs no more than one pass,
// and whoever waits for a first token does not yet wait for the second. So the first product with a weight
// takes it from the file, a few panels at a time, and the second one packs it. Both have the same bits.
//
// Rejected: packing on a thread of its own after the first pass, which takes the speed of memory from whatever
// comes next; and never packing, which reads panels in an order that the file does not have.

/// A weight for inference: packed, or in a file until it is used for the second time.
final class InferenceWeight: Sendable {
  /// `[N, K]`.
  let shape: [Int]
  /// What products read without a conversion.
  let inputType: ElementType
  private let precision: ProductPrecision
  private let state: Mutex<State>

  private enum State {
    /// The matrices below each other.
    case inFile([MatrixWeight], isUsed: Bool)
    case packed(PackedWeight)
  }

  /// The product of more rows costs more than packing, and its result more memory than a piece of weight.
  private static let mostRows = 256

  /// Packs at once what lies in no file, and what is so small that it becomes something else.
  ///
  /// - Parameters:
  ///   - parts: below each other `[N, K]`, at least one; all are alike.
  ///   - precision: of the products with numbers.
  init(_ parts: [MatrixWeight], precision: ProductPrecision) {
    self.precision = precision
    shape = [parts.map { $0.shape[0] }.reduce(0, +), parts[0].shape[1]]
    if parts.allSatisfy({ $0.isInFile && !$0.hasFewBlocks }) {
      state = Mutex(.inFile(parts, isUsed: false))
      if case .dense = parts[0], precision == .bfloat16 {
        inputType = .bfloat16
      } else {
        inputType = .float32
      }
    } else {
      let weight = Self.packed(parts, precision)
      state = Mutex(.packed(weight))
      inputType = weight.inputType
    }
  }

  private static func packed(
    _ parts: [MatrixWeight], _ precision: ProductPrecision
  ) -> PackedWeight {
    let weight = PackedWeight(.joining(parts), precision: precision)
    for part in parts { part.releasePages() }
    return weight
  }

  /// Bytes of the weight as it is kept: none until it is packed.
  var byteCount: Int {
    state.withLock { if case .packed(let weight) = $0 { weight.byteCount } else { 0 } }
  }

  /// `activation(x weight^T + bias)`, `[.., K]` to `[.., N]`, with the same bits from the file and packed.
  ///
  /// - Parameter resultType: blocks give `float32` whatever it is.
  func callAsFunction(
    _ x: Tensor, bias: Tensor?, activation: Activation, resultType: ElementType
  ) -> Tensor {
    let isLong = x.shape.dropLast().reduce(1, *) > Self.mostRows
    let (packed, parts) = state.withLock { state -> (PackedWeight?, [MatrixWeight]) in
      switch state {
      case .packed(let weight): return (weight, [])
      case .inFile(let parts, isUsed: false) where !isLong:
        state = .inFile(parts, isUsed: true)
        return (nil, parts)
      case .inFile(let parts, _):
        let weight = Self.packed(parts, precision)
        state = .packed(weight)
        return (weight, [])
      }
    }
    if let packed {
      return packed(x, bias: bias, activation: activation, resultType: resultType)
    }
    return product(x, parts, bias: bias, activation: activation, resultType: resultType)
  }

  /// The product with parts as they lie in the file.
  private func product(
    _ x: Tensor, _ parts: [MatrixWeight], bias: Tensor?, activation: Activation,
    resultType: ElementType
  ) -> Tensor {
    var products: [Tensor] = []
    var row = 0
    for part in parts {
      let rows = row..<row + part.shape[0]
      let bias = bias?.sliced(axis: 0, range: rows)
      row = rows.upperBound
      switch part {
      case .dense(let weight):
        products.append(
          x.linear(
            unpacked: weight, precision: precision, bias: bias, activation: activation,
            resultType: resultType))
      case .blocks(let weight):
        products.append(x.linear(unpacked: weight, bias: bias, activation: activation))
      }
      part.releasePages()
    }
    return products.count == 1
      ? products[0] : Tensor(concatenating: products, alongAxis: x.rank - 1)
  }
}

extension MatrixWeight {
  /// Whether the weight can be had from a file at any time, without a tape that follows it.
  var isInFile: Bool {
    switch self {
    case .dense(let tensor): tensor.isInFile && tensor.trace == nil
    case .blocks(let blocks): blocks.bytes.isInFile
    }
  }
}
