import HeedTensor
import Testing

@Suite("Matrix products")
struct MatrixProductTests {
  @Test("products of every size agree with float64", arguments: awkwardSizes)
  func sizes(m: Int) {
    for (n, k) in zip([1, 31, 33, 64, 130], [300, 1, 257, 513, 7]) {
      let (a, b) = (sample([m, k], seed: m), sample([k, n], seed: n))
      let expected = a.matrixProduct(b)
      let (x, y) = (a.converted(to: .float32), b.converted(to: .float32))
      #expect(largestError(x.matrixProduct(y), expected) < float32Tolerance)
      // Each operand transposed in memory.
      let (xt, yt) = (x.transposed().reversedView(), y.transposed().reversedView())
      #expect(bits(xt.matrixProduct(y)) == bits(x.matrixProduct(y)))
      #expect(bits(x.matrixProduct(yt)) == bits(x.matrixProduct(y)))
      #expect(bits(xt.matrixProduct(yt)) == bits(x.matrixProduct(y)))
      // bfloat16: products of rounded factors, exact, summed in float32.
      let rounded = a.converted(to: .bfloat16).converted(to: .float64)
        .matrixProduct(b.converted(to: .bfloat16).converted(to: .float64))
      for (p, q) in [(x, y), (xt, y), (x, yt), (xt, yt)] {
        #expect(largestError(p.matrixProduct(q, precision: .bfloat16), rounded) < float32Tolerance)
      }
    }
  }

  @Test("a row has the same bits alone and among others", arguments: ProductPrecision.allCases)
  func neighbours(precision: ProductPrecision) {
    for k in [7, 256, 700] {
      let x = sample([130, k]).converted(to: .float32)
      let weight = sample([65, k], seed: 2).converted(to: .float32)
      let packed = PackedMatrix(weight, precision: precision)
      let all = linear(x, weight: weight, precision: precision)
      #expect(bits(x.linear(packed)) == bits(all))
      for rows in [1, 2, 3, 13, 14, 15, 16, 17, 64] {
        let part = x.sliced(axis: 0, range: 5..<5 + rows)
        let expected = bits(all.sliced(axis: 0, range: 5..<5 + rows))
        #expect(bits(linear(part, weight: weight, precision: precision)) == expected)
        #expect(bits(part.linear(packed)) == expected)
      }
    }
  }

  @Test(
    "packed weights of every type and layout give the product", arguments: ProductPrecision.allCases
  )
  func packing(precision: ProductPrecision) {
    let x = sample([3, 13]).converted(to: .float32)
    let weight = sample([70, 13], seed: 2).converted(to: .bfloat16)
    let bias = sample([70], seed: 3).converted(to: .float32)
    let wide = weight.converted(to: .float32)
    let expected = linear(x, weight: wide, bias: bias, precision: precision)
    #expect(
      bits(x.linear(PackedMatrix(weight, precision: precision), bias: bias)) == bits(expected))
    let columns = wide.transposed().reversedView()
    #expect(
      bits(x.linear(PackedMatrix(columns, precision: precision), bias: bias)) == bits(expected))
    let active = x.linear(PackedMatrix(wide, precision: precision), bias: bias, activation: .silu)
    #expect(largestError(active, expected.activated(.silu)) < 1e-6)
  }

  @Test(
    "bfloat16 read and written as it lies has the bits of float32 copies",
    arguments: [(1, 64), (2, 63), (15, 700), (40, 3200), (300, 96), (300, 3202)])
  func halves(rows: Int, k: Int) {
    let wide = sample([rows, k + 2]).converted(to: .bfloat16)
    let weight = PackedMatrix(
      sample([150, k], seed: 2).converted(to: .float32), precision: .bfloat16)
    let bias = sample([150], seed: 3).converted(to: .float32)
    // Dense, and rows of a wider matrix.
    for x in [wide.sliced(axis: 1, range: 1..<k + 1), wide.sliced(axis: 1, range: 0..<k).copied()] {
      let copy = x.converted(to: .float32)
      #expect(bits(x.linear(weight)) == bits(copy.linear(weight)))
      let expected = copy.linear(weight, bias: bias, activation: .geluTanh)
      let rounded = x.linear(
        weight, bias: bias, activation: .geluTanh, resultType: .bfloat16)
      #expect(rounded.elementType == .bfloat16)
      #expect(
        bits(rounded.converted(to: .float32))
          == bits(expected.converted(to: .bfloat16).converted(to: .float32)))
    }
  }

  @Test("leading axes are broadcast, and gradients are those that differences show")
  func gradients() {
    let shapes: [([Int], [Int])] = [
      ([3, 4], [4, 5]), ([2, 3, 4], [4, 2]), ([2, 3, 4], [2, 4, 2]), ([2, 1, 3, 2], [3, 2, 2]),
      ([3, 2], [2, 2, 4]), ([1, 1], [1, 1]), ([2, 2, 3, 4], [1, 2, 4, 1]),
    ]
    for (left, right) in shapes {
      expectGradient([sample(left), sample(right, seed: 2)]) { $0[0].matrixProduct($0[1]) }
    }
    expectGradient([sample([2, 4, 3]), sample([2, 5, 3], seed: 2)]) {
      $0[0].matrixProduct($0[1].transposed())
    }
    expectGradient([sample([2, 3, 4]), sample([5, 4], seed: 2), sample([5], seed: 3)]) {
      linear($0[0], weight: $0[1], bias: $0[2])
    }
    expectGradient([sample([4]), sample([5, 4], seed: 2)]) { linear($0[0], weight: $0[1]) }
  }

  @Test("every number of threads gives the same bits")
  func threads() {
    let x = sample([150, 300]).converted(to: .float32)
    let weight = sample([260, 300], seed: 2).converted(to: .float32)
    let gain = sample([260], seed: 3).converted(to: .float32)
    let targets = Tensor((0..<150).map { Int64($0 % 260) })
    func run() -> [[UInt32]] {
      let tape = Tape()
      let inputs = [x, weight, gain].map { tape.watch($0) }
      let y = linear(inputs[0], weight: inputs[1], bias: inputs[2])
        .layerNorm(gain: inputs[2], bias: inputs[2]).activated(.geluErf)
      let z = (y * inputs[2] + y.softmax()).matrixProduct(inputs[1])
      let loss = crossEntropy(y, targets: targets) + z.squared().mean() + y.max()
      let gradients = tape.gradients(of: loss, for: inputs)
      return ([loss] + gradients).map(bits)
    }
    let expected = ThreadPool.withThreadCount(1, run)
    for count in [2, 3, 7] { #expect(ThreadPool.withThreadCount(count, run) == expected) }
  }
}

func bits(_ tensor: Tensor) -> [UInt32] { tensor.elements(as: Float.self).map(\.bitPattern) }

extension Tensor {
  /// The transposed tensor, after this one was made dense: the same matrix, columns contiguous.
  fileprivate func reversedView() -> Tensor {
    reshaped(to: [count]).reshaped(to: shape).transposed()
  }
}
