import HeedAttention
import HeedTensor
import Testing

@Suite struct EmptyRowsTests {
  @Test("a query that may see no key gives zeros, and finite gradients")
  func emptyRows() {
    let x = AttentionInputs(B: 2, H: 2, T: 5, S: 3, D: 8)
    // Five queries aligned to the end of three keys: the first two see nothing.
    let result = differentiated([x.q, x.k, x.v], x.upstream) {
      attention($0[0], $0[1], $0[2], mask: .causal)
    }
    let rows: [Float] = result.output.sliced(axis: 2, range: 0..<2).elements()
    #expect(rows.allSatisfy { $0 == 0 })
    for gradient in result.gradients {
      let elements: [Float] = gradient.elements()
      #expect(elements.allSatisfy { $0.isFinite })
    }
    let probe = AttentionProbe()
    _ = attention(x.q, x.k, x.v, mask: .causal, probe: probe)
    let weights: [Float] = probe.records[0].weights(batch: 0, head: 0, rows: 0..<2).elements()
    #expect(weights.allSatisfy { $0 == 0 })
  }

  @Test("a NaN or an infinity in a key that nobody may see never leaks")
  func poisonedPadding() {
    let x = AttentionInputs(B: 1, H: 2, T: 9, S: 40, D: 8)
    func poisoned(_ tensor: Tensor, _ value: Float) -> Tensor {
      var elements: [Float] = tensor.elements()
      let width = tensor.shape[3]
      for head in 0..<2 {
        for key in 30..<40 { elements[(head * 40 + key) * width] = value }
      }
      return Tensor(elements, shape: tensor.shape)
    }
    for mask: Mask in [.keyLengths([30]), .predicate { _, _, _, key in key < 30 }] {
      let clean = differentiated([x.q, x.k, x.v], x.upstream) {
        attention($0[0], $0[1], $0[2], mask: mask)
      }
      for value: Float in [.nan, .infinity] {
        let dirty = differentiated(
          [x.q, poisoned(x.k, value), poisoned(x.v, value)], x.upstream
        ) { attention($0[0], $0[1], $0[2], mask: mask) }
        #expect(bits(dirty.output) == bits(clean.output))
        let elements: [Float] = dirty.gradients[0].elements()
        #expect(elements.allSatisfy { $0.isFinite })
      }
    }
  }

  @Test("a later key's NaN reaches only the queries that see it")
  func poisonedFuture() {
    let x = AttentionInputs(B: 1, H: 1, T: 20, D: 8)
    var elements: [Float] = x.v.elements()
    elements[15 * 8] = .nan
    let output: [Float] = attention(
      x.q, x.k, Tensor(elements, shape: x.v.shape), mask: .causal
    ).elements()
    #expect(output[..<(15 * 8)].allSatisfy { $0.isFinite })
    #expect(output[15 * 8].isNaN)
  }

  @Test("no keys at all give zeros")
  func noKeys() {
    let q = Tensor(repeating: Float(1), shape: [1, 2, 3, 4])
    let none = Tensor(zeros: [1, 2, 0, 4])
    let output: [Float] = attention(q, none, none).elements()
    #expect(output == [Float](repeating: 0, count: 24))
  }
}
