import CHeedKernels
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

@Suite("Steps of the online softmax")
struct KernelsSoftmaxTests {
  private let stride = Int(HEED_SCORE_STRIDE)
  private let log2e = Float(1.4426950408889634)

  /// Weights of a float32 softmax of these sizes; the roundings of scores of size 30 dominate.
  private let roundingOfScores = 1e-5

  @Test("softmax in blocks is softmax at once", arguments: KernelVariant.all)
  func blocks(variant: KernelVariant) {
    let rows = 7
    for (first, second) in [(1, 1), (7, 64), (65, 3), (128, 17), (16, 127)] {
      let scores = kernelNumbers(rows * (first + second)).map { $0 * 30 }
      var maxima = [Float](repeating: -.infinity, count: rows)
      var sums = [Float](repeating: 0, count: rows)
      var corrections = [Float](repeating: .nan, count: rows)
      var weights = [[Double]](repeating: [], count: rows)
      for (start, count) in [(0, first), (first, second)] {
        var tile = [Float](repeating: .nan, count: rows * stride)
        for i in 0..<rows {
          for j in 0..<count { tile[i * stride + j] = scores[i * (first + second) + start + j] }
        }
        variant.table.softmax_step_f32(rows, count, &tile, log2e, &maxima, &sums, &corrections)
        for i in 0..<rows {
          weights[i] = weights[i].map { $0 * Double(corrections[i]) }
          weights[i] += tile[(i * stride)..<(i * stride + count)].map(Double.init)
        }
      }
      for i in 0..<rows {
        let row = scores[(i * (first + second))..<((i + 1) * (first + second))].map(Double.init)
        let largest = row.max() ?? 0
        let exact = row.map { exp($0 - largest) }
        let total = exact.reduce(0, +)
        for (weight, reference) in zip(weights[i], exact) {
          #expect(abs(weight / Double(sums[i]) - reference / total) <= roundingOfScores)
        }
      }
    }
  }

  @Test("a row that sees nothing stays empty until it sees something", arguments: KernelVariant.all)
  func emptyRows(variant: KernelVariant) {
    var tile = [Float](repeating: -.infinity, count: stride)
    var maximum: [Float] = [-.infinity]
    var sum: [Float] = [0]
    var correction: [Float] = [.nan]
    variant.table.softmax_step_f32(1, 33, &tile, 1, &maximum, &sum, &correction)
    #expect(maximum == [-.infinity] && sum == [0] && correction == [1])
    #expect(tile[0..<64].allSatisfy { $0 == 0 })
    #expect(tile[64...].allSatisfy { $0 == -.infinity })
    tile[0] = 3
    variant.table.softmax_step_f32(1, 1, &tile, 1, &maximum, &sum, &correction)
    #expect(maximum == [3] && sum == [1] && correction == [0])
    var pairs = [UInt32](repeating: .max, count: stride / 2)
    tile[0] = -.infinity
    variant.table.softmax_step_bf16(1, 1, &tile, &pairs, 1, &maximum, &sum, &correction)
    #expect(maximum == [3] && sum == [1] && correction == [1])
    #expect(pairs[0..<16].allSatisfy { $0 == 0 } && pairs[16] == .max)
  }

  @Test("weights computed backwards are those of the step", arguments: KernelVariant.all)
  func backwards(variant: KernelVariant) {
    for count in [1, 3, 16, 33, 128] {
      let scores = kernelNumbers(stride).map { $0 * 9 }
      var forward = scores
      var maximum: [Float] = [-.infinity]
      var sum: [Float] = [0]
      var correction: [Float] = [0]
      variant.table.softmax_step_f32(1, count, &forward, 1, &maximum, &sum, &correction)
      var backward = scores
      let logarithm = [maximum[0] + log2(sum[0])]
      variant.table.softmax_weights_f32(1, count, &backward, 1, logarithm)
      for j in 0..<count {
        #expect(abs(forward[j] / sum[0] - backward[j]) <= Float(roundingOfScores))
      }
      var hidden = scores
      variant.table.softmax_weights_f32(1, count, &hidden, 1, [-Float.infinity])
      #expect(hidden[0..<count].allSatisfy { $0 == 0 })
    }
  }

  @Test("a hidden key's gradient is zero whatever its value was", arguments: KernelVariant.all)
  func hiddenGradient(variant: KernelVariant) {
    let weights: [Float] = [0, 0.5, 0]
    var gradient: [Float] = [.nan, 3, .infinity]
    variant.table.softmax_gradient_f32(1, 3, weights, &gradient, 2, [1])
    #expect(gradient == [0, 2, 0])
  }

  @Test("rows of minus infinity have a softmax of zeros", arguments: KernelVariant.all)
  func softmaxRows(variant: KernelVariant) {
    for width in kernelSizes {
      var rows = kernelNumbers(width) + [Float](repeating: -.infinity, count: width)
      let source = rows
      variant.table.softmax_rows_f32(2, width, source, &rows)
      #expect(abs(rows[0..<width].reduce(0, +) - 1) < 1e-6)
      #expect(rows[width...].allSatisfy { $0 == 0 })
    }
  }
}
