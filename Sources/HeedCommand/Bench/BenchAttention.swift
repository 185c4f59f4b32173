import ArgumentParser
import HeedAttention
import HeedTensor

/// `heed bench attention`: the operator alone.
struct BenchAttention: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "attention", abstract: "Time the attention operator.")

  @Option(help: "Sequences.") var batch = 1
  @Option(help: "Query heads.") var heads = 8
  @Option(help: "Key/value heads (default: as many as query heads).") var kvHeads: Int?
  @Option(help: "Channels of a head.") var width = 64
  @Option(help: "Queries.") var queries = 2048
  @Option(help: "Keys (default: as many as queries).") var keys: Int?
  @Option(help: "1: a query sees no later key.") var causal = 0
  @Option(help: "1: an additive bias [batch, heads, queries, keys].") var bias = 0
  @Option(help: "1: key padding, lengths between a third and all of the keys.") var mask = 0
  @Option(help: "Latest keys that a query sees; 0 is all.") var window = 0
  @Option(help: "Element type: f32 or bf16.") var dtype = BenchType.f32
  @Option(help: "1: forward and the gradients of queries, keys and values.") var backward = 0
  @Option(help: "1: with a probe that keeps its statistics.") var probe = 0
  @OptionGroup var options: BenchOptions

  func validate() throws {
    let groups = kvHeads ?? heads
    guard [batch, heads, groups, width, queries, keys ?? queries].allSatisfy({ $0 > 0 }),
      window >= 0, heads % groups == 0
    else { throw ValidationError("sizes must be positive, and --heads a multiple of --kv-heads") }
    let keys = keys ?? queries
    try BenchOptions.checkElements([batch, heads, queries, width], [batch, groups, keys, width])
    if bias == 1 { try BenchOptions.checkElements([batch, heads, queries, keys]) }
  }

  func run() throws {
    options.withThreads {
      let (S, groups) = (keys ?? queries, kvHeads ?? heads)
      var generator = RandomGenerator(seed: 1)
      func random(_ heads: Int, _ count: Int) -> Tensor {
        generator.normal([batch, heads, count, width]).converted(to: dtype.elementType)
      }
      let (q, k, v) = (random(heads, queries), random(groups, S), random(groups, S))
      let upstream = random(heads, queries)
      let matrix = bias == 1 ? generator.normal([batch, heads, queries, S]) : nil
      var visible: Mask = queries > 1 && causal == 1 ? .causal : .none
      if window > 0 { visible = visible & .window(left: window - 1, right: nil) }
      if mask == 1 {
        let lengths: [Int64] = generator.integers([batch], in: S / 3..<S + 1).elements()
        visible = visible & .keyLengths(lengths.map { Int($0) })
      }
      let measurement = Measurement(seconds: options.seconds) {
        let looking = probe == 1 ? AttentionProbe() : nil
        if backward == 1 {
          let tape = Tape()
          let inputs = [tape.watch(q), tape.watch(k), tape.watch(v)]
          let output = attention(
            inputs[0], inputs[1], inputs[2], mask: visible, bias: matrix, probe: looking)
          _ = tape.gradients(of: output, for: inputs, seed: upstream)
        } else {
          _ = attention(q, k, v, mask: visible, bias: matrix, probe: looking)
        }
      }
      var pairs = Double(queries) * Double(S)
      if window > 0 {
        pairs = Double(queries) * Double(min(window, S))
      } else if causal == 1 && queries == S {
        pairs /= 2
      }
      let size = Double(dtype.elementType.byteCount)
      BenchReport(
        name: "attention \(backward == 1 ? "forward + backward" : "forward")",
        measurement: measurement,
        operations: 4 * Double(batch * heads * width) * pairs * (backward == 1 ? 3.5 : 1),
        type: dtype,
        bytes: size * Double(batch * width) * 2 * (Double(heads * queries) + Double(groups * S))
          + (matrix.map { Double($0.count * 4) } ?? 0)
      ).show(options)
    }
  }
}
