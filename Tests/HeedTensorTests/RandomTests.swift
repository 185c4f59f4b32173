import HeedTensor
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@Suite("Random numbers, dropout, optimiser steps")
struct RandomTests {
  @Test("Philox gives the numbers of its authors' known answers")
  func knownAnswers() {
    // kat_vectors of Random123: counter and key of zeros, then of ones.
    let first = RandomGenerator.block(seed: 0, stream: 0, position: 0)
    #expect(first == SIMD4(0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8))
    let ones = RandomGenerator.block(seed: .max, stream: .max, position: .max)
    #expect(ones == SIMD4(0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd))
    let pi = RandomGenerator.block(
      seed: 0x299f_31d0_a409_3822, stream: 0x0370_7344_1319_8a2e, position: 0x85a3_08d3_243f_6a88)
    #expect(pi == SIMD4(0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1))
  }

  @Test("moments of uniform and normal numbers are what they should be")
  func moments() {
    var random = RandomGenerator(seed: 3)
    let count = 1 << 16
    // Five standard errors of a mean of 65536 numbers.
    let fiveErrors = 5 / 256.0
    let uniform = random.uniform([count], in: -1..<3)
    #expect(abs(uniform.mean().doubles[0] - 1) < fiveErrors * 1.16)
    #expect(abs(uniform.variance().doubles[0] - 16.0 / 12) < fiveErrors * 1.2)
    #expect(uniform.min().doubles[0] >= -1 && uniform.max().doubles[0] < 3)
    let normal = random.normal([count], mean: 2, deviation: 3)
    #expect(abs(normal.mean().doubles[0] - 2) < fiveErrors * 3)
    #expect(abs(normal.variance().doubles[0] - 9) < fiveErrors * 9 * 1.42)
    let beyondTwo = normal.doubles.filter { abs($0 - 2) > 6 }.count
    #expect(abs(Double(beyondTwo) / Double(count) - 0.0455) < fiveErrors * 0.21)
    let integers = random.integers([count], in: -2..<5).elements(as: Int64.self)
    for value in -2..<5 {
      let share = Double(integers.filter { $0 == Int64(value) }.count) / Double(count)
      #expect(abs(share - 1.0 / 7) < fiveErrors * 0.35)
    }
    #expect(random.permutation(130).sorted() == Array(0..<130))
  }

  @Test("normal pairs are those of Box and Muller to the last bits of float64")
  func boxMuller() {
    for (first, second) in [
      (0, 0), (1, 0x4000_0000), (0x1234_5678, 0x9abc_def0), (.max, .max),
      (0x8000_0000, 0x2000_0000), (77, 0xe000_0001),
    ] as [(UInt32, UInt32)] {
      let radius = (-2 * log((Double(first) + 1) / 0x1p32)).squareRoot()
      let angle = 2 * Double.pi * (Double(second) / 0x1p32)
      let (a, b) = RandomGenerator.normalPair(first, second)
      #expect(abs(a - radius * cos(angle)) < 1e-14)
      #expect(abs(b - radius * sin(angle)) < 1e-14)
    }
  }

  @Test("a generator restored from its place goes on as before, whatever the threads")
  func restored() {
    var random = RandomGenerator(seed: 9, stream: 4)
    _ = random.uniform([13])
    var again = RandomGenerator(seed: 9, stream: 4, position: random.position)
    let expected = bits(random.normal([40_000]))
    #expect(ThreadPool.withThreadCount(3) { bits(again.normal([40_000])) } == expected)
  }

  @Test("dropout hides the same places forward and backward, about as many as asked for")
  func dropout() {
    let x = sample([130, 65]).converted(to: .float32) + 2
    let tape = Tape()
    let watched = tape.watch(x)
    let y = watched.dropout(rate: 0.3, seed: 1, counter: 5)
    let gradient = tape.gradients(of: y, for: [watched])[0].doubles
    #expect(zip(y.doubles, gradient).allSatisfy { ($0 == 0) == ($1 == 0) })
    let dropped = Double(gradient.filter { $0 == 0 }.count) / Double(gradient.count)
    #expect(abs(dropped - 0.3) < 5 * (0.21 / 8450).squareRoot())
    #expect(bits(x.dropout(rate: 0.3, seed: 1, counter: 5)) == bits(y))
    #expect(bits(x.dropout(rate: 0.3, seed: 1, counter: 6)) != bits(y))
    #expect(bits(x.dropout(rate: 0, seed: 1, counter: 6)) == bits(x))
    expectGradient([sample([3, 5])]) { $0[0].dropout(rate: 0.5, seed: 2, counter: 0) }
  }

  @Test("AdamW steps in float32 follow those in float64", arguments: awkwardSizes)
  func adamW(size: Int) {
    func run(_ type: ElementType) -> [Tensor] {
      var w = sample([size]).converted(to: type)
      var (m, v) = (Tensor(zeros: [size], type), Tensor(zeros: [size], type))
      for step in 1...3 {
        w.adamWStep(
          gradient: sample([size], seed: step + 1).converted(to: type), firstMoment: &m,
          secondMoment: &v,
          AdamWStep(learningRate: 0.01, weightDecay: 0.1, step: step, gradientScale: 0.5))
      }
      return [w, m, v]
    }
    for (single, double) in zip(run(.float32), run(.float64)) {
      #expect(largestError(single, double) < float32Tolerance)
    }
    // The first step moves each weight by the learning rate against its gradient.
    var w = Tensor([1.0, 1.0])
    var (m, v) = (Tensor(zeros: [2], .float64), Tensor(zeros: [2], .float64))
    w.adamWStep(
      gradient: Tensor([0.5, -2.0]), firstMoment: &m, secondMoment: &v,
      AdamWStep(learningRate: 0.1, weightDecay: 0, step: 1))
    #expect(largestError(w, Tensor([0.9, 1.1])) < 1e-7)
  }

  @Test("the norm over tensors is that of all elements, with the same bits for every thread count")
  func norm() {
    let tensors = [sample([130_000]), sample([3, 7], seed: 2)]
    let expected = tensors.flatMap(\.doubles).reduce(0) { $0 + $1 * $1 }.squareRoot()
    let single = tensors.map { $0.converted(to: .float32) }
    #expect(abs(globalNorm(single) / expected - 1) < 1e-6)
    let one = ThreadPool.withThreadCount(1) { globalNorm(single) }
    for count in [2, 3, 7] {
      #expect(ThreadPool.withThreadCount(count) { globalNorm(single) } == one)
    }
  }
}
