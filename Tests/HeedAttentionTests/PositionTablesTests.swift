import HeedAttention
import HeedTensor
import Testing

@Suite("Tables of positions")
struct PositionTablesTests {
  @Test("Bloom's bias of the keys gives the weights of slopes and distances, padding or not")
  func keyBias() {
    let isToken = [[false, false, true, true, true], [true, true, true, true, true]]
    let x = AttentionInputs(B: 2, H: 6, T: 5, D: 4)
    let mask = Mask.causal & .dense(Tensor(isToken.flatMap { $0 }, shape: [2, 1, 1, 5]))
    let bias = alibiKeyBias(headCount: 6, isToken: isToken)
    #expect(bias.shape == [2, 6, 1, 5])
    let got = attention(x.q, x.k, x.v, mask: mask, bias: bias)
    let want = attention(x.q, x.k, x.v, mask: mask, alibi: Tensor(alibiSlopes(headCount: 6)))
    #expect(largestError(got, float64(want)) < 2e-6)
  }

  @Test("a grid has the column's channels, then the row's; cosines first is the other half first")
  func grid() {
    let table = SinusoidalTable(width: 6, layout: .halves)
    let grid = table.grid(heights: [0, 1.5], widths: [0, 1, 2])
    #expect(grid.shape == [6, 12])
    for (place, row) in [(0.0, 0.0), (0, 1), (0, 2), (1.5, 0), (1.5, 1), (1.5, 2)].enumerated() {
      let want = table.rows([row.1]).concatenated(with: table.rows([row.0]), alongAxis: 1)
      #expect(bits(grid.sliced(axis: 0, range: place..<place + 1)) == bits(want))
    }
    let turned = SinusoidalTable(width: 7, layout: .cosinesFirst).rows([3])
    let plain = SinusoidalTable(width: 7, layout: .halves).rows([3]).elements(as: Float.self)
    #expect(
      turned.elements(as: Float.self)
        == Array(plain[3..<6]) + Array(plain[0..<3]) + [0])
  }
}
