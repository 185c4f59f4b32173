import HeedFormats
public import HeedTensor

/// A result beside what it should be.
public struct Comparison: Sendable {
  /// The name of the result.
  public let name: String
  /// The largest distance; infinite where one is not a number and the other is.
  public let largestError: Double
  /// The largest share of the tolerance that an element used; more than 1 fails.
  public let largestShare: Double
  /// True for values that have to be equal.
  public let isExact: Bool
  /// Why the two cannot be compared, such as different shapes.
  public let mismatch: String?

  /// True when every element is within its tolerance.
  public var passes: Bool { mismatch == nil && largestShare <= 1 }

  /// Compares element by element: NaN passes with NaN, an infinity with the same infinity.
  public init(name: String, got: Tensor, want: Tensor, tolerance: Tolerance) {
    self.name = name
    isExact = false
    guard got.shape == want.shape else {
      (largestError, largestShare) = (.infinity, .infinity)
      mismatch = "shape \(got.shape), expected \(want.shape)"
      return
    }
    var error = 0.0
    var share = 0.0
    for (got, want) in zip(Self.doubles(got), Self.doubles(want)) {
      if got == want || (got.isNaN && want.isNaN) { continue }
      let distance = abs(got - want)
      guard distance.isFinite else {
        (error, share) = (.infinity, .infinity)
        break
      }
      let allowed = tolerance.absolute + tolerance.relative * abs(want)
      error = max(error, distance)
      share = max(share, allowed > 0 ? distance / allowed : .infinity)
    }
    (largestError, largestShare, mismatch) = (error, share, nil)
  }

  /// Compares values that have to be equal, texts byte by byte.
  init(name: String, got: JSONValue, want: JSONValue) {
    self.name = name
    let (gotText, wantText) = (Array(got.text().utf8), Array(want.text().utf8))
    isExact = true
    guard gotText != wantText else {
      (largestError, largestShare, mismatch) = (0, 0, nil)
      return
    }
    (largestError, largestShare) = (.infinity, .infinity)
    let shared = zip(gotText, wantText).prefix { $0 == $1 }.count
    func excerpt(_ text: [UInt8]) -> String {
      String(decoding: text[max(0, shared - 30)...].prefix(90), as: UTF8.self)
    }
    mismatch = "\(excerpt(gotText)), expected \(excerpt(wantText))"
  }

  private static func doubles(_ tensor: Tensor) -> [Double] {
    tensor.converted(to: .float64).elements(as: Double.self)
  }
}
