import ArgumentParser
import HeedAttention
import HeedTensor

/// `heed bench grid`: the fused attention beside the same thing in whole matrices.
struct BenchGrid: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "grid",
    abstract: "Compare the fused attention with whole matrices over a grid of shapes.",
    discussion: """
      The unfused path is the product of queries and keys, the mask, the softmax and the product with \
      the values, each at full speed on all threads. A ratio over 1 means that the fused one is faster.
      """)

  @Option(help: "The longest sequence of the grid.") var most = 8192
  @OptionGroup var options: BenchOptions

  func run() {
    options.withThreads {
      var worst = (ratio: Double.infinity, name: "")
      let lengths = [1, 16, 128, 1024, 8192].filter { $0 <= most }
      for width in [32, 64, 128] {
        for T in lengths {
          for S in lengths {
            for isCausal in [false, true] where !isCausal || (T > 1 && T <= S) {
              for type in BenchType.allCases {
                let ratio = compare(width, T, S, isCausal, type)
                let name =
                  "D \(width) T \(T) S \(S) \(isCausal ? "causal" : "full") \(type.rawValue)"
                if ratio < worst.ratio { worst = (ratio, name) }
                if !options.json {
                  print("\(name)  \((ratio * 100).rounded() / 100)")
                }
              }
            }
          }
        }
      }
      if options.json {
        printJSON(["worst_ratio": .number(worst.ratio), "worst_case": .text(worst.name)])
      } else {
        print("worst: \((worst.ratio * 1000).rounded() / 1000) at \(worst.name)")
      }
    }
  }

  /// Time of whole matrices / time of the fused attention, the median of pairs that take turns.
  private func compare(
    _ width: Int, _ T: Int, _ S: Int, _ isCausal: Bool, _ type: BenchType
  ) -> Double {
    var generator = RandomGenerator(seed: 1)
    let heads = T * S > 1 << 22 ? 1 : 4
    let (q, k, v) = (
      generator.normal([1, heads, T, width]), generator.normal([1, heads, S, width]),
      generator.normal([1, heads, S, width])
    )
    let hidden = isCausal ? Self.hidden(T, S) : nil
    let scale = 1 / Double(width).squareRoot()
    func whole() {
      var scores = q.matrixProduct(k.transposed(), precision: type.precision) * scale
      if let hidden { scores = scores.replacing(with: -Double.infinity, where: hidden) }
      _ = scores.softmax().matrixProduct(v, precision: type.precision)
    }
    func fused() {
      _ = attention(
        q, k, v, mask: isCausal ? .causal : .none, precision: type.precision)
    }
    whole()
    fused()
    var start = steadySeconds()
    fused()
    let repeats = max(1, min(1000, Int(0.002 / max(steadySeconds() - start, 1e-9))))
    let ratios = (0..<5).map { _ -> Double in
      start = steadySeconds()
      for _ in 0..<repeats { fused() }
      let middle = steadySeconds()
      for _ in 0..<repeats { whole() }
      return (steadySeconds() - middle) / (middle - start)
    }
    return ratios.sorted()[2]
  }

  private static func hidden(_ T: Int, _ S: Int) -> Tensor {
    Tensor((0..<T * S).map { $0 % S > $0 / S + S - T }, shape: [1, 1, T, S])
  }
}
