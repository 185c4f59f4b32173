import HeedTensor
import Testing

@Suite("Products of few rows")
struct RowProductTests {
  private func bits(_ values: [Float]) -> [UInt32] { values.map(\.bitPattern) }

  private func bits(_ tensor: Tensor) -> [UInt32] { bits(tensor.elements(as: Float.self)) }

  /// What a product makes of `x` `[rows, K]`, by one thread that lets the pool share and by a team.
  private func run(
    _ product: RowProduct, _ x: Tensor, activation: Activation = .identity
  ) -> [Float] {
    let alone = run(product, x, activation) { $0(.alone) }
    let together = run(product, x, activation) { ThreadPool.shared.together($0) }
    #expect(bits(alone) == bits(together))
    return alone
  }

  private func run(
    _ product: RowProduct, _ x: Tensor, _ activation: Activation,
    by threads: ((ThreadTeam.Member) -> Void) -> Void
  ) -> [Float] {
    let rows = x.shape[0]
    let memory = Tensor(zeros: [product.inputByteCount(rows: rows) + 64], .uint8)
    var y = [Float](repeating: .nan, count: rows * product.outputCount)
    y.withUnsafeMutableBufferPointer {
      guard let y = $0.baseAddress else { return }
      let input = product.input(x.pointer(to: Float.self), rows: rows, memory: memory.rawPointer)
      threads { member in
        var member = member
        product(input, rows: rows, activation: activation, by: &member, to: y)
      }
    }
    withExtendedLifetime((x, memory)) {}
    return y
  }

  private func input(_ rows: Int, _ width: Int) -> Tensor {
    sample([rows, width], seed: rows).converted(to: .float32)
  }

  @Test(
    "numbers give the bits of a linear layer", arguments: [ProductPrecision.float32, .bfloat16],
    [1, 3, 12])
  func numbers(precision: ProductPrecision, rows: Int) {
    for (n, k) in [(1, 1), (31, 7), (64, 33), (200, 96), (1300, 320)] {
      let weight = PackedMatrix(
        sample([n, k], seed: n).converted(to: .float32), precision: precision)
      let bias = sample([n], seed: 5).converted(to: .float32)
      let x = input(rows, k)
      var owners = MemoryOwners()
      let plain = RowProduct(weight, bias: nil, keeping: &owners)
      #expect(bits(run(plain, x)) == bits(x.linear(weight)))
      let got = run(
        RowProduct(weight, bias: bias, keeping: &owners), x, activation: .geluTanh)
      withExtendedLifetime(owners) {}
      #expect(bits(got) == bits(x.linear(weight, bias: bias, activation: .geluTanh)))
    }
  }

  @Test(
    "blocks give the bits of a linear layer",
    arguments: [BlockType.q8_0, .q5_1, .q5_0, .q4_1, .q4_0], [1, 5, 12])
  func blocks(type: BlockType, rows: Int) {
    for (n, k) in [(31, 32), (200, 96), (1300, 320)] {
      let weight = QuantizedMatrix(
        quantizing: sample([n, k], seed: n).converted(to: .float32), as: type)
      let bias = sample([n], seed: 5).converted(to: .float32)
      let x = input(rows, k)
      var owners = MemoryOwners()
      let got = run(RowProduct(weight, bias: bias, keeping: &owners), x, activation: .silu)
      withExtendedLifetime(owners) {}
      #expect(bits(got) == bits(x.linear(weight, bias: bias, activation: .silu)))
    }
  }

  @Test("a gated pair gives the bits of its two products", arguments: [1, 4])
  func gated(rows: Int) {
    let (n, k) = (300, 64)
    let weights = [1, 2].map {
      PackedMatrix(sample([n, k], seed: $0).converted(to: .float32), precision: .bfloat16)
    }
    var owners = MemoryOwners()
    let gate = RowProduct(weights[0], bias: nil, keeping: &owners)
    let up = RowProduct(weights[1], bias: nil, keeping: &owners)
    #expect(gate.readsLike(up))
    let x = input(rows, k)
    let memory = Tensor(zeros: [gate.inputByteCount(rows: rows)], .uint8)
    let other = Tensor(zeros: [rows * n])
    var y = [Float](repeating: .nan, count: rows * n)
    y.withUnsafeMutableBufferPointer {
      guard let y = $0.baseAddress else { return }
      let input = gate.input(
        x.pointer(to: Float.self), rows: rows, memory: memory.rawPointer)
      let other = other.mutablePointer(to: Float.self)
      ThreadPool.shared.together { member in
        var member = member
        RowProduct.gated(
          gate, up, activation: .silu, input, rows: rows, other: other, by: &member, to: y)
      }
    }
    withExtendedLifetime((x, memory, other, owners)) {}
    #expect(bits(y) == bits(x.linear(weights[0]).activated(.silu, times: x.linear(weights[1]))))
  }

  @Test("runs of panels share out each panel once, for any number of threads")
  func runs() {
    for threads in [1, 2, 3, 7] {
      for count in [0, 1, 2, 5, 24, 393] {
        let runs = PanelRuns(panelCount: count, threads: threads)
        let panels = (0..<runs.partCount).flatMap { Array(runs.panels(ofPart: $0)) }
        #expect(panels == Array(0..<count))
      }
    }
  }

  @Test("parts in runs are taken once each, whoever takes them")
  func parts() {
    for count in [1, 2, 3, 8, 1000] {
      let taken = Tensor(zeros: [count], .int64)
      let times = taken.mutablePointer(to: Int64.self)
      ThreadPool.shared.parallel(count, order: .runs) { times[$0] += 1 }
      #expect(taken.elements(as: Int64.self) == [Int64](repeating: 1, count: count))
    }
  }
}
