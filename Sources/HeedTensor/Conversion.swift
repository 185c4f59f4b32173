import CHeedKernels

// From one element type to another. bfloat16 and float16 are read and written through float32.

extension Tensor {
  /// The same values as another element type: to nearest even between floating-point types,
  /// towards zero and limited to the range when integers are made of them.
  public func converted(to target: ElementType) -> Tensor {
    if target == elementType { return self }
    let source = dense().detached()
    let isDirect =
      elementType == .float32 || target == .float32 || !(elementType.isHalf || target.isHalf)
    let result =
      isDirect
      ? source.convertedValues(to: target)
      : source.convertedValues(to: .float32).convertedValues(to: target)
    guard target.isFloatingPoint, let tape = Tape.recording(self) else { return result }
    let original = elementType
    return tape.record(result, from: [self]) { [$0.converted(to: original)] }
  }

  private func convertedValues(to target: ElementType) -> Tensor {
    let result = Tensor(uninitialized: shape, target)
    defer { withExtendedLifetime(self) {} }
    let half: (Int, Int) -> Void
    switch (elementType, target) {
    case (.float32, .bfloat16), (.float32, .float16):
      let (x, y) = (pointer(to: Float.self), result.rawPointer.assumingMemoryBound(to: UInt16.self))
      half = { start, n in
        if target == .bfloat16 {
          Kernels.table.bf16_from_f32(n, x + start, y + start)
        } else {
          Kernels.table.f16_from_f32(n, x + start, y + start)
        }
      }
    case (.bfloat16, .float32), (.float16, .float32):
      let (x, y) = (
        rawPointer.assumingMemoryBound(to: UInt16.self), result.mutablePointer(to: Float.self)
      )
      let type = elementType
      half = { start, n in
        if type == .bfloat16 {
          Kernels.table.f32_from_bf16(n, x + start, y + start)
        } else {
          Kernels.table.f32_from_f16(n, x + start, y + start)
        }
      }
    default:
      convertPlain(to: result)
      return result
    }
    forChunks(count, of: elementwiseChunk, half)
    return result
  }

  private func convertPlain(to result: Tensor) {
    switch elementType {
    case .float64: convert(Double.self, to: result)
    case .float32: convert(Float.self, to: result)
    case .int64: convert(Int64.self, to: result)
    case .int32: convert(Int32.self, to: result)
    case .int16: convert(Int16.self, to: result)
    case .int8: convert(Int8.self, to: result)
    case .uint8: convert(UInt8.self, to: result)
    case .bool: convert(Bool.self, to: result)
    case .bfloat16, .float16:
      preconditionFailure("converted(to:): half precision is read as float32")
    }
  }

  private func convert<A: Convertible>(_ type: A.Type, to result: Tensor) {
    switch result.elementType {
    case .float64: convert(A.self, Double.self, result)
    case .float32: convert(A.self, Float.self, result)
    case .int64: convert(A.self, Int64.self, result)
    case .int32: convert(A.self, Int32.self, result)
    case .int16: convert(A.self, Int16.self, result)
    case .int8: convert(A.self, Int8.self, result)
    case .uint8: convert(A.self, UInt8.self, result)
    case .bool: convert(A.self, Bool.self, result)
    case .bfloat16, .float16:
      preconditionFailure("converted(to:): half precision is made of float32")
    }
  }

  private func convert<A: Convertible, B: Convertible>(
    _ a: A.Type, _ b: B.Type, _ result: Tensor
  ) {
    let (x, y) = (pointer(to: A.self), result.mutablePointer(to: B.self))
    forChunks(count, of: elementwiseChunk) { start, n in
      for i in start..<start + n { y[i] = B(x[i].number) }
    }
  }
}

extension ElementType {
  fileprivate var isHalf: Bool { self == .bfloat16 || self == .float16 }
}

/// A number on its way between two types.
private enum Number {
  case floating(Double)
  case integer(Int64)
}

private protocol Convertible: TensorElement {
  var number: Number { get }
  init(_ number: Number)
}

extension Convertible where Self: BinaryFloatingPoint {
  var number: Number { .floating(Double(self)) }
  init(_ number: Number) {
    switch number {
    case .floating(let value): self.init(value)
    case .integer(let value): self.init(value)
    }
  }
}

extension Convertible where Self: FixedWidthInteger {
  var number: Number { .integer(Int64(self)) }
  init(_ number: Number) {
    switch number {
    case .floating(let value):
      if value.isNaN {
        self = 0
      } else {
        self =
          value >= Double(Self.max) ? .max : value <= Double(Self.min) ? .min : Self(value)
      }
    case .integer(let value): self.init(clamping: value)
    }
  }
}

extension Double: Convertible {}
extension Float: Convertible {}
extension Int64: Convertible {}
extension Int32: Convertible {}
extension Int16: Convertible {}
extension Int8: Convertible {}
extension UInt8: Convertible {}
extension Bool: Convertible {
  fileprivate var number: Number { .integer(self ? 1 : 0) }
  fileprivate init(_ number: Number) {
    switch number {
    case .floating(let value): self = value != 0
    case .integer(let value): self = value != 0
    }
  }
}
