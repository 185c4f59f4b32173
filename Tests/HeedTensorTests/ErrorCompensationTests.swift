import HeedTensor
import Testing

@Suite("Rounding errors that other columns make good")
struct ErrorCompensationTests {
  /// Inputs of which each goes with its neighbours: running sums of normal numbers that fade.
  private func inputs(_ rows: Int, _ width: Int, seed: UInt64) -> Tensor {
    var generator = RandomGenerator(seed: seed)
    let noise = generator.normal([rows, width], deviation: 1).elements(as: Float.self)
    var values = noise
    for place in values.indices where place % width > 0 {
      values[place] = 0.9 * values[place - 1] + noise[place]
    }
    return Tensor(values, shape: [rows, width])
  }

  private func compensation(
    for type: BlockType = .q4_0, _ inputs: Tensor...
  ) throws -> ErrorCompensation {
    var moments = InputMoments(width: inputs[0].shape[1])
    for x in inputs { moments.add(x) }
    return try #require(ErrorCompensation(moments, for: type))
  }

  private func weight(_ rows: Int, _ width: Int) -> Tensor {
    var generator = RandomGenerator(seed: 5)
    return generator.normal([rows, width], deviation: 0.02)
  }

  @Test(
    "the factor takes the moments apart, for any width", arguments: [1, 2, 3, 17, 64, 65, 130, 200])
  func factor(width: Int) throws {
    var moments = InputMoments(width: width)
    let x = inputs(3 * width, width, seed: 3)
    moments.add(x)
    let compensation = try #require(ErrorCompensation(moments, for: .q4_0))
    let (got, order) = (compensation.factor.elements(as: Float.self), compensation.order)
    #expect(order.sorted() == Array(0..<width))
    let wide = x.converted(to: .float64)
    let sums = wide.transposed().matrixProduct(wide).elements(as: Double.self)
    var rest = order.flatMap { row in order.map { sums[row * width + $0] } }
    let mean = (0..<width).reduce(0) { $0 + rest[$1 * width + $1] } / Double(width)
    for k in 0..<width { rest[k * width + k] += 0.01 * mean }
    var worst = 0.0
    for k in (0..<width).reversed() {
      let column = (0..<k).map { rest[$0 * width + k] / rest[k * width + k] }
      for i in 0..<k {
        worst = max(worst, abs(column[i] - Double(got[i * width + k])))
        for j in 0..<k { rest[i * width + j] -= column[i] * rest[j * width + k] }
      }
    }
    // Products in float32, of moments that are at most some hundred times the damping.
    #expect(worst < 1e-4)
    let pivots = (0..<width).map { rest[$0 * width + $0] }
    let unit = pivots.reduce(0, +) / Double(width)
    for (weight, pivot) in zip(compensation.weights.elements(as: Float.self), pivots) {
      #expect(abs(Double(weight) - pivot / unit) < 1e-4 * pivot / unit)
    }
  }

  @Test(
    "inputs that do not go with each other change no byte",
    arguments: BlockType.allCases.filter(\.isWritable))
  func independent(type: BlockType) throws {
    // Each input alone, as long as any other; and none at all.
    let alone = Tensor(
      (0..<512 * 512).map { $0 % 513 == 0 ? Float(3) : 0 }, shape: [512, 512])
    let weight = weight(7, 512)
    let want = BlockTensor(quantizing: weight, as: type).bytes.elements(as: UInt8.self)
    for inputs in [alone, Tensor(zeros: [4, 512])] {
      let got = BlockTensor(
        quantizing: weight, as: type, compensating: try compensation(for: type, inputs))
      #expect(got.bytes.elements(as: UInt8.self) == want)
    }
  }

  @Test(
    "for other inputs of the same kind the result of a layer loses at most 0.6 of what it lost",
    arguments: BlockType.allCases.filter(\.isWritable))
  func gain(type: BlockType) throws {
    let weight = weight(33, 512)
    let unseen = inputs(256, 512, seed: 9)
    func loss(_ blocks: BlockTensor) -> Float {
      let change = linear(unseen, weight: blocks.dequantized() - weight)
      return (change * change).mean().item()
    }
    let compensation = try compensation(
      for: type, inputs(512, 512, seed: 3), inputs(512, 512, seed: 4))
    let compensated = loss(BlockTensor(quantizing: weight, as: type, compensating: compensation))
    #expect(compensated < 0.6 * loss(BlockTensor(quantizing: weight, as: type)))
  }

  @Test("columns of large inputs come first, blocks as wholes and columns within them")
  func order() throws {
    // Each input alone: those of columns 3, 259 and 288 to 351 are twice as large.
    var scales = [Float](repeating: 1, count: 512)
    for column in [3, 259] + Array(288..<352) { scales[column] = 2 }
    var values = [Float](repeating: 0, count: 512 * 512)
    for (column, scale) in scales.enumerated() { values[column * 513] = scale }
    let alone = Tensor(values, shape: [512, 512])
    let narrow = try compensation(alone).order
    #expect(Array(narrow.prefix(65)) == Array(288..<352) + [3])
    let wide = try compensation(for: .q4_K, alone).order
    #expect(Array(wide.prefix(65)) == [259] + Array(288..<352))
    #expect(wide.last == 255)
    // No column can help another here, but scales fit those whose errors count more.
    let weight = weight(7, 512)
    func loss(_ blocks: BlockTensor) -> Float {
      let change = (blocks.dequantized() - weight) * Tensor(scales)
      return (change * change).mean().item()
    }
    let made = BlockTensor(quantizing: weight, as: .q4_0, compensating: try compensation(alone))
    #expect(loss(made) < loss(BlockTensor(quantizing: weight, as: .q4_0)))
  }

  @Test("the same bytes for any number of threads, and for rows alone", arguments: [1, 2, 3])
  func sameBits(threads: Int) throws {
    let weight = weight(130, 256)
    let compensation = try ThreadPool.withThreadCount(threads) {
      try self.compensation(inputs(300, 256, seed: 3))
    }
    let want = BlockTensor(
      quantizing: weight, as: .q4_1,
      compensating: try self.compensation(inputs(300, 256, seed: 3)))
    let got = ThreadPool.withThreadCount(threads) {
      BlockTensor(quantizing: weight, as: .q4_1, compensating: compensation)
    }
    #expect(got.bytes.elements(as: UInt8.self) == want.bytes.elements(as: UInt8.self))
    let alone = BlockTensor(
      quantizing: weight.sliced(axis: 0, range: 7..<8), as: .q4_1, compensating: compensation)
    #expect(
      alone.bytes.elements(as: UInt8.self)
        == want.bytes.sliced(axis: 0, range: 7..<8).elements(as: UInt8.self))
  }

  @Test("fewer inputs than columns, dead and equal ones, and weights that are no numbers")
  func singular() throws {
    let few = inputs(3, 256, seed: 3)
    var generator = RandomGenerator(seed: 8)
    let equal = generator.normal([40, 1], deviation: 1).broadcast(to: [40, 256])
    let half = inputs(400, 256, seed: 4) * Tensor((0..<256).map { $0 < 128 ? Float(0) : 1e-20 })
    for inputs in [few, equal, half] {
      let compensation = try compensation(inputs)
      let weight = weight(4, 256)
      let change =
        BlockTensor(quantizing: weight, as: .q4_0, compensating: compensation).dequantized()
        - weight
      #expect(change.abs().max().item(as: Float.self) < 0.5)
      var strange = weight.elements(as: Float.self)
      (strange[5], strange[300], strange[600]) = (.nan, .infinity, 1e38)
      let got = BlockTensor(
        quantizing: Tensor(strange, shape: [4, 256]), as: .q4_0, compensating: compensation)
      #expect(got.nonFiniteCount == 0)
    }
    var moments = InputMoments(width: 2)
    moments.add(Tensor([Float.infinity, 1], shape: [1, 2]))
    #expect(ErrorCompensation(moments, for: .q4_0) == nil)
  }
}
