import HeedTensor
import Testing

@Suite("Convolution and pooling")
struct ConvolutionTests {
  /// The definition, one sum for each element.
  private func direct(_ x: Tensor, _ w: Tensor, _ s: [Sliding], groups: Int) -> Tensor {
    let (b, c, h, l) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
    let (o, depth, kh, kw) = (w.shape[0], w.shape[1], w.shape[2], w.shape[3])
    let (oh, ow) = (s[0].count(length: h, size: kh), s[1].count(length: l, size: kw))
    let (xs, ws) = (x.doubles, w.doubles)
    var y: [Double] = []
    for item in 0..<b {
      for out in 0..<o {
        for row in 0..<oh {
          for column in 0..<ow {
            var sum = 0.0
            for channel in 0..<depth {
              for ky in 0..<kh {
                for kx in 0..<kw {
                  let i = row * s[0].stride + ky * s[0].dilation - s[0].paddingBefore
                  let j = column * s[1].stride + kx * s[1].dilation - s[1].paddingBefore
                  guard i >= 0, i < h, j >= 0, j < l else { continue }
                  let input = out / (o / groups) * depth + channel
                  sum +=
                    xs[((item * c + input) * h + i) * l + j]
                    * ws[((out * depth + channel) * kh + ky) * kw + kx]
                }
              }
            }
            y.append(sum)
          }
        }
      }
    }
    return Tensor(y, shape: [b, o, oh, ow])
  }

  @Test("convolutions follow the definition", arguments: [1, 2, 4])
  func definition(groups: Int) {
    for sliding in [
      [Sliding(), Sliding()], [Sliding(stride: 2, padding: 1), Sliding(padding: 2, dilation: 2)],
      [Sliding(stride: 3, paddingBefore: 2, paddingAfter: 0), Sliding(stride: 2, padding: 3)],
    ] {
      for (kh, kw) in [(1, 1), (3, 2), (2, 3)] {
        let x = sample([2, 4, 7, 9])
        let w = sample([8, 4 / groups, kh, kw], seed: 2)
        let expected = direct(x, w, sliding, groups: groups)
        let y = convolution(x, weight: w, sliding: sliding, groupCount: groups)
        #expect(largestError(y, expected) < 1e-12)
        let single = convolution(
          x.converted(to: .float32), weight: w.converted(to: .float32), sliding: sliding,
          groupCount: groups)
        #expect(largestError(single, expected) < float32Tolerance)
      }
    }
  }

  @Test("large planes are cut into blocks that fit together")
  func blocks() {
    let x = sample([1, 64, 60, 80])
    let w = sample([2, 64, 3, 3], seed: 2)
    let sliding = [Sliding(padding: 1), Sliding(padding: 1)]
    #expect(
      largestError(
        convolution(x, weight: w, sliding: sliding), direct(x, w, sliding, groups: 1)) < 1e-11)
  }

  @Test("convolutions have the gradients that differences show")
  func gradients() {
    let (x, w, b) = (sample([2, 4, 5, 3]), sample([6, 2, 2, 3], seed: 2), sample([6], seed: 3))
    expectGradient([x, w, b]) {
      convolution(
        $0[0], weight: $0[1], bias: $0[2],
        sliding: [Sliding(stride: 2, padding: 1), Sliding(padding: 2, dilation: 2)], groupCount: 2)
    }
    expectGradient([sample([2, 3, 8]), sample([4, 3, 3], seed: 2), sample([4], seed: 3)]) {
      convolution($0[0], weight: $0[1], bias: $0[2], sliding: [Sliding(stride: 2, padding: 1)])
    }
    expectGradient([sample([1, 3, 2, 4]), sample([5, 3, 1, 1], seed: 2)]) {
      convolution($0[0], weight: $0[1])
    }
    expectGradient([x, sample([4, 3, 2, 3], seed: 2), b]) {
      transposedConvolution(
        $0[0], weight: $0[1], bias: $0[2],
        sliding: [Sliding(stride: 2, padding: 1), Sliding(stride: 3, dilation: 2)],
        outputPadding: 1, groupCount: 2)
    }
    expectGradient([sample([2, 3, 5]), sample([3, 4, 4], seed: 2)]) {
      transposedConvolution($0[0], weight: $0[1], sliding: [Sliding(stride: 2, padding: 1)])
    }
  }

  @Test("a transposed convolution is the adjoint of the convolution")
  func adjoint() {
    let sliding = [Sliding(stride: 2, padding: 1)]
    let (x, w) = (sample([2, 3, 9]), sample([4, 3, 3], seed: 2))
    let y = convolution(x, weight: w, sliding: sliding)
    let z = sample(y.shape, seed: 3)
    let back = transposedConvolution(z, weight: w, sliding: sliding)
    #expect(back.shape == x.shape)
    let (left, right) = ((y * z).sum().doubles[0], (x * back).sum().doubles[0])
    #expect(abs(left - right) < 1e-12)
  }

  @Test("pooling has the gradients that differences show")
  func pooling() {
    let x = sample([2, 3, 5, 6])
    let sliding = [Sliding(stride: 2, padding: 1), Sliding(stride: 3, padding: 1)]
    expectGradient([x]) { $0[0].maxPooled(window: [3, 2], sliding: sliding) }
    expectGradient([x]) { $0[0].averagePooled(window: [3, 2], sliding: sliding) }
    expectGradient([x]) {
      $0[0].averagePooled(window: [3, 2], sliding: sliding, countsPadding: false)
    }
    expectGradient([sample([2, 3, 7])]) {
      $0[0].maxPooled(window: [2], sliding: [Sliding(stride: 2)])
    }
    let row = Tensor([1, 5, 2, 4] as [Float], shape: [1, 1, 4])
    let pooled = row.averagePooled(window: [3], sliding: [Sliding(padding: 1)])
    #expect(pooled.elements(as: Float.self) == [2, 8.0 / 3, 11.0 / 3, 2])
    let inside = row.averagePooled(
      window: [3], sliding: [Sliding(padding: 1)], countsPadding: false)
    #expect(inside.elements(as: Float.self)[0] == 3)
  }
}
