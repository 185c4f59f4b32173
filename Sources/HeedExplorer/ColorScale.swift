/// From a share of 0 to 1 to a colour whose lightness falls all the way: white, blue, near black.
/// So it reads the same in grey, and for everybody.
struct ColorScale {
  /// Red, green and blue at equal steps.
  private static let stops: [(Double, Double, Double)] = [
    (255, 255, 255), (214, 230, 244), (158, 202, 225), (82, 149, 199), (24, 92, 161), (8, 36, 84),
  ]

  static func color(_ share: Float) -> (UInt8, UInt8, UInt8) {
    // What is no number is drawn as nothing.
    let place = Double(share.isNaN ? 0 : min(max(share, 0), 1)) * Double(stops.count - 1)
    let low = min(Int(place), stops.count - 2)
    let part = place - Double(low)
    func mix(_ a: Double, _ b: Double) -> UInt8 { UInt8((a + (b - a) * part).rounded()) }
    return (
      mix(stops[low].0, stops[low + 1].0), mix(stops[low].1, stops[low + 1].1),
      mix(stops[low].2, stops[low + 1].2)
    )
  }

  static func hex(_ share: Float) -> String {
    let (r, g, b) = color(share)
    return "#" + [r, g, b].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
