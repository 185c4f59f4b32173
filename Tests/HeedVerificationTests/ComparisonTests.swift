import HeedTensor
import HeedVerification
import Testing

@Suite("Comparison")
struct ComparisonTests {
  let tolerance = Tolerance(absolute: 0.1, relative: 0.01)

  private func compare(_ got: [Float], _ want: [Float]) -> Comparison {
    Comparison(name: "y", got: Tensor(got), want: Tensor(want), tolerance: tolerance)
  }

  @Test("an element passes within atol + rtol * |want| and fails beyond")
  func tolerances() {
    #expect(compare([10.19], [10]).passes)
    #expect(!compare([10.21], [10]).passes)
    #expect(compare([-10.19], [-10]).passes)
  }

  @Test("NaN passes with NaN, an infinity with the same infinity, nothing else")
  func specials() {
    #expect(compare([.nan, .infinity, -.infinity], [.nan, .infinity, -.infinity]).passes)
    #expect(!compare([0], [.nan]).passes)
    #expect(!compare([.nan], [0]).passes)
    #expect(!compare([.infinity], [-.infinity]).passes)
    #expect(!compare([.infinity], [1]).passes)
  }

  @Test("the largest share of the tolerance is reported")
  func share() {
    let comparison = compare([0.05, 0.02], [0, 0])
    #expect(abs(comparison.largestShare - 0.5) < 1e-6)
    #expect(abs(comparison.largestError - 0.05) < 1e-8)
  }

  @Test("other shapes are a mismatch, not a crash")
  func shapes() {
    #expect(compare([1, 2], [1]).mismatch == "shape [2], expected [1]")
    #expect(!compare([1, 2], [1]).passes)
  }
}
