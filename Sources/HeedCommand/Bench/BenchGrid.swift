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
      var slower = 0
      var count = 0
      let lengths = [1, 16, 128, 1024, 8192].filter { $0 <= most }
      for width in [32, 64, 128] {
        for T in lengths {
          for S in lengths {
            for mask in GridMask.allCases where mask.isUsed(T, S) {
              for type in BenchType.allCases {
                let ratio = compare(width, T, S, mask, type)
                let name = "D \(width) T \(T) S \(S) \(mask.rawValue) \(type.rawValue)"
                count += 1
                if ratio < 0.97 { slower += 1 }
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
        printJSON([
          "worst_ratio": .number(worst.ratio), "worst_case": .text(worst.name),
          "cases": .number(Double(count)), "under_0.97": .number(Double(slower)),
        ])
      } else {
        print("worst: \((worst.ratio * 1000).rounded() / 1000) at \(worst.name)")
        print("under 0.97: \(slower) of \(count)")
      }
    }
  }

  /// Time of whole matrices / time of the fused attention: the median of pairs that take turns, at
  /// least nine of them and a twentieth of a second.
  private func compare(
    _ width: Int, _ T: Int, _ S: Int, _ mask: GridMask, _ type: BenchType
  ) -> Double {
    var generator = RandomGenerator(seed: 1)
    let heads = T * S > 1 << 22 ? 1 : 4
    let (q, k, v) = (
      generator.normal([1, heads, T, width]), generator.normal([1, heads, S, width]),
      generator.normal([1, heads, S, width])
    )
    let hidden = mask.hidden(T, S)
    let scale = 1 / Double(width).squareRoot()
    func whole() {
      var scores = q.matrixProduct(k.transposed(), precision: type.precision) * scale
      if let hidden { scores = scores.replacing(with: -Double.infinity, where: hidden) }
      _ = scores.softmax().matrixProduct(v, precision: type.precision)
    }
    func fused() { _ = attention(q, k, v, mask: mask.mask(S), precision: type.precision) }
    func seconds(_ repeats: Int, _ body: () -> Void) -> Double {
      let start = steadySeconds()
      for _ in 0..<repeats { body() }
      return steadySeconds() - start
    }
    whole()
    fused()
    let repeats = max(1, min(1000, Int(0.002 / max(seconds(1, fused), 1e-9))))
    var ratios: [Double] = []
    var spent = 0.0
    while ratios.count < 9 || spent < 0.05 {
      let isFirst = ratios.count % 2 == 0
      let early = seconds(repeats, isFirst ? fused : whole)
      let late = seconds(repeats, isFirst ? whole : fused)
      ratios.append(isFirst ? late / early : early / late)
      spent += early + late
    }
    return ratios.sorted()[ratios.count / 2]
  }
}

/// The masks of the grid.
private enum GridMask: String, CaseIterable {
  case full, causal, window, padding

  func isUsed(_ T: Int, _ S: Int) -> Bool {
    switch self {
    case .full: true
    case .causal: T > 1 && T <= S
    case .window: T == S && T >= 1024
    case .padding: S >= 128
    }
  }

  func mask(_ S: Int) -> Mask {
    switch self {
    case .full: .none
    case .causal: .causal
    case .window: .causal & .window(left: 255, right: 0)
    case .padding: .keyLengths([S * 2 / 3])
    }
  }

  /// True where a query must not see a key, `[1, 1, T, S]` or what broadcasts to it.
  func hidden(_ T: Int, _ S: Int) -> Tensor? {
    switch self {
    case .full: nil
    case .causal: Tensor((0..<T * S).map { $0 % S > $0 / S + S - T }, shape: [1, 1, T, S])
    case .window:
      Tensor(
        (0..<T * S).map { $0 % S > $0 / S || $0 % S + 255 < $0 / S }, shape: [1, 1, T, S])
    case .padding: Tensor((0..<S).map { $0 >= S * 2 / 3 }, shape: [1, 1, 1, S])
    }
  }
}
