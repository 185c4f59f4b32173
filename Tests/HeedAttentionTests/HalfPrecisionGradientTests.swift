import HeedAttention
import HeedTensor
import Testing

/// Gradients with bfloat16 products against the float64 twin, each element within a bound of its own
/// that follows from the rounding of bfloat16 alone.
///
/// Rounding to bfloat16 changes a number by at most u = 2^-8 of itself (8 bits of significand, to
/// nearest). What is rounded: q, k, v, dO, the weights P and the score gradients dS, each when it
/// becomes a factor of a product. With |.| element by element and sums over the rest,
///
///     S = scale q k          |δS|  <= eS = scale |q| |k| 2u   (soft cap has a slope of at most 1)
///     P = exp(S - lse)       |δP|  <= P r,  r = eS + sum P eS
///     dP = dO v              |δdP| <= eP = |dO| |v| 2u
///     D = dO . O             |δD|  <= eD = sum P (r + 2u) |dO| |v|
///     dS = P (dP - D)        |δdS| <= eG = P (r |dP - D| + eP + eD)
///     cap                    its slope moves by at most eS / cap (tanh has a second derivative < 0.77)
///     dQ = scale dS k, ...   |δdQ| <= scale (eG + 2u |dS|) |k|
///     dV = P^T dO            |δdV| <= (P (r + 2u))^T |dO|
///
/// to first order in u; half as much again pays for the second order, and 2e-5 for float32 sums. That
/// bound is the worst case, where all roundings conspire, and so is wide. Roundings do not conspire:
/// one has a root mean square of 0.42 u (evenly spread over +-u to +-u/2 of the number), and a gradient
/// has passed seven of them (q, k, v, dO, P, dS and the last factor), sqrt(7) 0.42 u = 1.1 u together.
/// Twice that is the limit of the root mean square of the errors, relative to that of the gradient.
@Suite("Gradients of bfloat16 products")
struct HalfPrecisionGradientTests {
  private static let u = 0x1p-8

  struct Parts: Sendable, CustomStringConvertible {
    var description: String
    var (B, H, G, T, S, D, Dv) = (1, 2, 2, 65, 65, 16, 16)
    var mask: Mask = .none
    var softCap: Float?
    var hasBias = false
    var hasSinks = false

    init(_ description: String, _ change: (inout Parts) -> Void = { _ in }) {
      self.description = description
      change(&self)
    }
  }

  static let cases = [
    Parts("plain"), Parts("causal") { $0.mask = .causal },
    Parts("odd lengths") { ($0.T, $0.S, $0.D, $0.Dv, $0.mask) = (7, 133, 13, 5, .causal) },
    Parts("one query") { ($0.T, $0.S) = (1, 37) },
    Parts("grouped heads, window") {
      ($0.B, $0.H, $0.G, $0.T, $0.S) = (2, 6, 2, 70, 150)
      $0.mask = .causal & .window(left: 40, right: 0)
    },
    Parts("cells") {
      $0.mask = .predicate { _, head, query, key in (query + key + head) % 3 != 0 }
    },
    Parts("padding, empty rows") {
      ($0.B, $0.mask) = (2, .keyLengths([65, 0]) & .queryLengths([50, 65]))
    },
    Parts("soft cap") { ($0.softCap, $0.mask) = (2, .causal) },
    Parts("bias") { $0.hasBias = true },
    Parts("sinks") { ($0.hasSinks, $0.mask) = (true, .causal) },
    Parts("everything") {
      ($0.B, $0.H, $0.G, $0.T, $0.S, $0.D, $0.Dv) = (2, 4, 1, 33, 79, 24, 17)
      ($0.softCap, $0.hasBias, $0.hasSinks) = (3, true, true)
      $0.mask = .causal & .window(left: 50, right: nil)
    },
  ]

  @Test("each gradient is within the bound of its roundings", arguments: cases)
  func gradients(parts: Parts) {
    let x = AttentionInputs(
      B: parts.B, H: parts.H, G: parts.G, T: parts.T, S: parts.S, D: parts.D, Dv: parts.Dv)
    var generator = RandomGenerator(seed: 4)
    var inputs = [x.q, x.k, x.v]
    if parts.hasBias { inputs.append(generator.normal([parts.B, parts.H, parts.T, parts.S])) }
    if parts.hasSinks { inputs.append(generator.normal([parts.H])) }
    func bias(_ inputs: [Tensor]) -> Tensor? { parts.hasBias ? inputs[3] : nil }
    func sinks(_ inputs: [Tensor]) -> Tensor? { parts.hasSinks ? inputs.last : nil }
    let got = differentiated(inputs, x.upstream) {
      attention(
        $0[0], $0[1], $0[2], mask: parts.mask, bias: bias($0), softCap: parts.softCap,
        sinks: sinks($0), precision: .bfloat16)
    }
    let exact = inputs.map(float64)
    let want = differentiated(exact, float64(x.upstream)) {
      referenceAttention(
        $0[0], $0[1], $0[2], mask: parts.mask, bias: bias($0), softCap: parts.softCap,
        sinks: sinks($0)
      ).output
    }
    let bounds = Self.bounds(
      exact, float64(x.upstream), parts, bias: bias(exact), sinks: sinks(exact))
    for (name, bound) in bounds.enumerated() {
      let (a, b, limits) = (
        Self.doubles(got.gradients[name]), Self.doubles(want.gradients[name]), Self.doubles(bound)
      )
      #expect(a.count == limits.count && b.count == limits.count)
      var (errors, squares, worst) = (0.0, 0.0, 0.0)
      for (i, limit) in limits.enumerated() {
        let error = abs(a[i] - b[i])
        worst = max(worst, error / (1.5 * limit + 2e-5))
        errors += error * error
        squares += b[i] * b[i]
      }
      #expect(worst <= 1, "gradient \(name): \(worst) of its bound")
      let share = (errors / max(squares, 1e-30)).squareRoot()
      #expect(share <= 2.2 * Self.u, "gradient \(name): \(share) of its size")
    }
  }

  /// Bounds of the gradients of q, k, v, the bias and the sinks.
  private static func bounds(
    _ inputs: [Tensor], _ upstream: Tensor, _ parts: Parts, bias: Tensor?, sinks: Tensor?
  ) -> [Tensor] {
    let group = parts.H / parts.G
    let (q, k, v) = (
      inputs[0], inputs[1].repeatedHeads(group), inputs[2].repeatedHeads(group)
    )
    let scale = 1 / Double(parts.D).squareRoot()
    let weights = referenceAttention(
      q, k, v, mask: parts.mask, bias: bias, softCap: parts.softCap, sinks: sinks
    ).weights  // [B, H, T, S]
    let scoreError = q.abs().matrixProduct(k.abs().transposed()) * (2 * u * scale)
    let r = scoreError + (weights * scoreError).sum(alongAxes: [3], keepingRank: true)
    let products = upstream.abs().matrixProduct(v.abs().transposed())
    let weightGradient = upstream.matrixProduct(v.transposed())
    let delta = (weights * weightGradient).sum(alongAxes: [3], keepingRank: true)
    let deltaError = (weights * (r + 2 * u) * products).sum(alongAxes: [3], keepingRank: true)
    let distance = (weightGradient - delta).abs()
    let gradient = weights * distance
    let capped = weights * (r * distance + products * (2 * u) + deltaError)
    // Before the cap, whose slope is at most 1.
    let score = parts.softCap.map { capped + gradient * scoreError / Double($0) } ?? capped
    let factor = (score + gradient * (2 * u)) * scale
    func grouped(_ x: Tensor) -> Tensor {
      x.reshaped(to: [parts.B, parts.G, group, x.shape[2], x.shape[3]]).sum(alongAxes: [2])
    }
    var bounds = [
      factor.matrixProduct(k.abs()), grouped(factor.transposed().matrixProduct(q.abs())),
      grouped((weights * (r + 2 * u)).transposed().matrixProduct(upstream.abs())),
    ]
    if bias != nil { bounds.append(capped) }
    if sinks != nil {
      // A sink's weight p is 1 less the others; its gradient is the sum of -p D over queries.
      let mass = weights.sum(alongAxes: [3], keepingRank: true)
      let share = (mass * -1 + 1).abs()
      let shift = (weights * scoreError).sum(alongAxes: [3], keepingRank: true)
      bounds.append((share * (shift * delta.abs() + deltaError)).sum(alongAxes: [0, 2, 3]))
    }
    return bounds
  }

  private static func doubles(_ tensor: Tensor) -> [Double] { float64(tensor).elements() }
}
