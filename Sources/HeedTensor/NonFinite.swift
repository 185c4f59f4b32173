// NaN and infinity in numbers, told by their exponents: all bits of it are set, whatever the rest. One pass
// over whole numbers, which compilers make vectors of, and no copy.

extension Tensor {
  /// How many elements are NaN or infinite.
  ///
  /// - Complexity: O(count), as fast as memory is read.
  package var nonFiniteCount: Int {
    switch elementType {
    case .float64: countOfExponents(UInt64(0x7FF) << 52)
    case .float32: countOfExponents(UInt32(0xFF) << 23)
    case .bfloat16: countOfExponents(UInt16(0xFF) << 7)
    case .float16: countOfExponents(UInt16(0x1F) << 10)
    case .int64, .int32, .int16, .int8, .uint8, .bool: 0
    }
  }

  /// How many elements, as bits, have all of `exponent` set.
  private func countOfExponents<Bits: FixedWidthInteger>(_ exponent: Bits) -> Int {
    guard count > 0 else { return 0 }
    let source = dense()
    let size = elementwiseChunk
    let counts = Tensor(zeros: [(count + size - 1) / size], .int64)
    let bits = source.rawPointer.assumingMemoryBound(to: Bits.self)
    let target = counts.mutablePointer(to: Int64.self)
    forChunks(count, of: size) { start, length in
      var found: Int64 = 0
      for place in start..<start + length where bits[place] & exponent == exponent { found += 1 }
      target[start / size] = found
    }
    withExtendedLifetime(source) {}
    return Int(counts.elements(as: Int64.self).reduce(0, +))
  }
}

extension BlockTensor {
  /// How many values are NaN or infinite, because the scales of their blocks are.
  ///
  /// - Complexity: O(count) time; memory for some rows as numbers.
  package var nonFiniteCount: Int {
    let rowBytes = bytes.shape[bytes.rank - 1]
    guard rowBytes > 0, bytes.count > 0 else { return 0 }
    let rowCount = bytes.count / rowBytes
    let rows = bytes.reshaped(to: [rowCount, rowBytes])
    let piece = max(1, (1 << 20) / rowBytes)
    var found = 0
    for start in stride(from: 0, to: rowCount, by: piece) {
      let part = rows.sliced(axis: 0, range: start..<min(rowCount, start + piece))
      found += BlockTensor(type, bytes: part).dequantized().nonFiniteCount
    }
    return found
  }
}
