public import HeedAttention
public import HeedTensor

/// The self-attention layer of DiffLlama: heads in two halves, of which head h of the second half is
/// subtracted from head h of the first; both share values of twice the width.
///
/// Source: Ye et al. 2024, arXiv 2410.05258, with the pairing of heads of the published layer.
public struct DifferentialSelfAttention: Sendable {
  /// H, even.
  public let headCount: Int
  /// G.
  public let keyValueHeadCount: Int
  /// Positions of queries and keys.
  public let rotary: Rotary
  /// Of the norm of each pair of heads.
  public let epsilon: Double
  private let query: Linear
  private let key: Linear
  private let value: Linear
  private let output: Linear
  private let factor: DifferentialFactor

  /// The layer of the parameters that `parameter` gives: `q_proj.weight`, `k_proj.weight`,
  /// `v_proj.weight`, `o_proj.weight`, their biases, and `lambda_q1`, `lambda_k1`, `lambda_q2`,
  /// `lambda_k2`.
  ///
  /// - Parameter layer: counted from 0.
  /// - Precondition: `headCount` is even and the weights are there.
  public init(
    headCount: Int, keyValueHeadCount: Int, layer: Int, rotary: Rotary, epsilon: Double = 1e-5,
    parameter: (_ name: String) -> Tensor?
  ) {
    precondition(
      headCount % 2 == 0 && headCount % keyValueHeadCount == 0,
      "DifferentialSelfAttention: \(headCount) heads on \(keyValueHeadCount) have no two halves")
    func required(_ name: String) -> Tensor {
      guard let tensor = parameter(name) else {
        preconditionFailure("DifferentialSelfAttention: there is no parameter \(name)")
      }
      return tensor
    }
    func projection(_ name: String) -> Linear {
      Linear(weight: required("\(name).weight"), bias: parameter("\(name).bias"))
    }
    self.headCount = headCount
    self.keyValueHeadCount = keyValueHeadCount
    self.rotary = rotary
    self.epsilon = epsilon
    (query, key) = (projection("q_proj"), projection("k_proj"))
    (value, output) = (projection("v_proj"), projection("o_proj"))
    factor = DifferentialFactor(
      query1: required("lambda_q1"), key1: required("lambda_k1"), query2: required("lambda_q2"),
      key2: required("lambda_k2"), layer: layer)
  }

  /// Attends within `x`, `[B, T, E]` to `[B, T, E]`.
  ///
  /// - Parameters:
  ///   - positions: of the tokens, `[T]`; 0, 1, ... when nil.
  ///   - probe: is told of two calls, one for each half of the heads.
  public func callAsFunction(
    _ x: Tensor, positions: [Int]? = nil, mask: Mask = .causal, probe: AttentionProbe? = nil
  ) -> Tensor {
    let (B, T) = (x.shape[0], x.shape[1])
    let places = positions ?? Array(0..<T)
    let q = rotary.apply(to: split(query(x), headCount), positions: places)  // [B, H, T, D]
    var k = rotary.apply(to: split(key(x), keyValueHeadCount), positions: places)  // [B, G, T, D]
    var v = split(value(x), keyValueHeadCount)
    if keyValueHeadCount % 2 != 0 {
      // One key head may serve both halves: give each query head its own.
      k = k.repeatedHeads(headCount / keyValueHeadCount)
      v = v.repeatedHeads(headCount / keyValueHeadCount)
    }
    let context = differentialAttention(
      paired(q), paired(k), paired(v), factor: factor, epsilon: epsilon, mask: mask, probe: probe)
    let merged = context.transposed(permutation: [0, 2, 1, 3])  // [B, T, H / 2, 2D]
      .reshaped(to: [B, T, output.weight.shape[1]])
    return output(merged)
  }

  /// Head h beside head h + H / 2; `[B, H, T, D]` to `[B, H / 2, T, 2D]`.
  private func paired(_ x: Tensor) -> Tensor {
    let halves = x.split(count: 2, alongAxis: 1)
    return halves[0].concatenated(with: halves[1], alongAxis: 3)
  }

  /// `[B, T, H D]` to `[B, H, T, D]`.
  private func split(_ x: Tensor, _ heads: Int) -> Tensor {
    x.reshaped(to: [x.shape[0], x.shape[1], heads, x.shape[2] / heads])
      .transposed(permutation: [0, 2, 1, 3])
  }
}
