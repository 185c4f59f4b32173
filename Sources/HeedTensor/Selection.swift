// Choosing element by element with a mask of booleans. What is not chosen never reaches the result,
// not even as 0 * NaN.

extension Tensor {
  /// A tensor of any element type with every element equal to `value`.
  public init(filledWith value: Double, shape: [Int], _ elementType: ElementType) {
    self = Tensor(repeating: value, shape: shape).converted(to: elementType)
  }

  /// The elements, but those of `replacement` where `mask` is true.
  ///
  /// - Parameters:
  ///   - replacement: fits the shape of this tensor as in numpy.
  ///   - mask: `bool`, fits the shape of this tensor as in numpy.
  public func replacing(with replacement: Tensor, where mask: Tensor) -> Tensor {
    let other = replacement.broadcast(to: shape)
    let result = selected(mask, other.detached().dense(), "replacing(with:where:)")
    guard let tape = Tape.recording(self, replacement) else { return result }
    let (needed, otherNeeded) = (trace != nil, other.trace != nil)
    return tape.record(result, from: [self, other]) { gradient in
      let zero = Tensor(zeros: gradient.shape, gradient.elementType)
      return [
        needed ? gradient.selected(mask, zero, "replacing(with:where:)") : nil,
        otherNeeded ? zero.selected(mask, gradient.dense(), "replacing(with:where:)") : nil,
      ]
    }
  }

  /// The elements, but `value` where `mask` is true.
  ///
  /// - Parameter mask: `bool`, fits the shape of this tensor as in numpy.
  public func replacing(with value: Double, where mask: Tensor) -> Tensor {
    let scalar = Tensor(filledWith: value, shape: [1], elementType)
    return replacing(with: scalar.reshaped(to: []), where: mask)
  }

  private func selected(_ mask: Tensor, _ other: Tensor, _ operation: String) -> Tensor {
    requireMathematics(operation)
    precondition(
      mask.elementType == .bool && other.elementType == elementType,
      "\(operation): \(elementType), \(other.elementType) with a mask of \(mask.elementType)")
    let chosen = mask.broadcast(to: shape).dense()
    let source = detached().dense()
    let result = Tensor(uninitialized: shape, elementType)
    let flags = chosen.pointer(to: Bool.self)
    func select<Word: TensorElement>(_ type: Word.Type) {
      let (x, z) = (source.pointer(to: Word.self), other.pointer(to: Word.self))
      let y = result.mutablePointer(to: Word.self)
      forChunks(count, of: elementwiseChunk) { start, n in
        for i in start..<start + n { y[i] = flags[i] ? z[i] : x[i] }
      }
    }
    if elementType == .float64 { select(Double.self) } else { select(Float.self) }
    withExtendedLifetime((chosen, source, other)) {}
    return result
  }
}
