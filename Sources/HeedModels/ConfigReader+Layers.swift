public import HeedFormats

extension ConfigReader {
  /// The number of blocks; limited, because each becomes memory before any weight is seen.
  func layerCount(_ keys: [String]) throws(FormatError) -> Int {
    let count = try count(anyOf: keys)
    guard count <= 4096 else {
      throw FormatError(.limit, what: "\(count) blocks", place: place, expected: "at most 4096")
    }
    return count
  }

  /// The window of each layer, nil where a layer sees everything: from `layer_types` where there is
  /// such a list, else by the rule of the family.
  ///
  /// - Parameters:
  ///   - whenAbsent: the width of windows when `sliding_window` is not there.
  ///   - isSliding: whether a layer has a window, unless the list says otherwise.
  /// - Throws: when the list has another length than there are layers, a type is not known, or
  ///   there is no width for a layer that the list calls sliding.
  public func windows(
    layerCount: Int, whenAbsent: Int? = nil, isSliding: (Int) -> Bool
  ) throws(FormatError) -> [Int?] {
    guard let types = try layerTypes(layerCount: layerCount) else {
      let sliding = (0..<layerCount).map(isSliding)
      // Where no layer slides, files have a width of 0, null or any other.
      guard sliding.contains(true) else { return sliding.map { _ in nil } }
      let window = has("sliding_window") ? try optionalCount("sliding_window") : whenAbsent
      return sliding.map { $0 ? window : nil }
    }
    guard types.contains("sliding_attention") else { return types.map { _ in nil } }
    let window = try count("sliding_window", default: has("sliding_window") ? nil : whenAbsent)
    return types.map { $0 == "sliding_attention" ? window : nil }
  }

  private func layerTypes(layerCount: Int) throws(FormatError) -> [String]? {
    guard let list = member("layer_types") else { return nil }
    guard let types = list.array?.map(\.string) else { throw wrong("layer_types", "a list") }
    guard types.count == layerCount else {
      throw inconsistent("\"layer_types\" names \(types.count) layers, there are \(layerCount)")
    }
    let known = ["full_attention", "sliding_attention"]
    for type in types where !known.contains(type ?? "") {
      throw unsupported(
        "\"layer_types\" has \"\(type ?? "no word")\"",
        expected: known.joined(separator: " or "))
    }
    return types.compactMap { $0 }
  }
}
