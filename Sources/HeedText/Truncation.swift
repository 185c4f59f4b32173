/// How long an encoding may be.
public struct Truncation: Sendable, Hashable {
  /// Which side loses tokens.
  public enum Side: String, Sendable, Hashable { case left, right }

  /// Which text of a pair is cut.
  public enum Strategy: String, Sendable, Hashable {
    case longestFirst = "longest_first"
    case onlyFirst = "only_first"
    case onlySecond = "only_second"
  }

  /// The most tokens, those that are added included.
  public var maximumLength: Int
  /// How many tokens each piece that was cut off repeats of the one before.
  public var stride: Int
  /// Which text of a pair is cut.
  public var strategy: Strategy
  /// Which side loses tokens.
  public var side: Side

  /// At most `maximumLength` tokens.
  public init(
    maximumLength: Int, stride: Int = 0, strategy: Strategy = .longestFirst, side: Side = .right
  ) {
    self.maximumLength = maximumLength
    self.stride = stride
    self.strategy = strategy
    self.side = side
  }

  /// Cuts a text, or a pair of texts, to what is left when `added` tokens will be added.
  ///
  /// - Throws: `TokenizerError` when the stride or the strategy cannot be kept.
  func cut(
    _ first: inout Encoding, _ second: inout Encoding?, added: Int
  ) throws(TokenizerError) {
    let most = maximumLength - added
    guard maximumLength >= 0, most >= 0 else {
      throw TokenizerError("at most \(maximumLength) tokens, but \(added) are added")
    }
    let total = first.count + (second?.count ?? 0)
    if most == 0 {
      try first.truncate(to: 0, self)
      try second?.truncate(to: 0, self)
      return
    }
    let excess = total - most
    if excess <= 0 { return }
    switch strategy {
    case .longestFirst:
      guard let other = second else {
        try first.truncate(to: most, self)
        return
      }
      var (shorter, longer) = (min(first.count, other.count), max(first.count, other.count))
      longer = shorter > most ? shorter : max(shorter, most - shorter)
      if shorter + longer > most { (shorter, longer) = (most / 2, most / 2 + most % 2) }
      let isSwapped = first.count > other.count
      try first.truncate(to: isSwapped ? longer : shorter, self)
      try second?.truncate(to: isSwapped ? shorter : longer, self)
    case .onlyFirst:
      guard first.count > excess else { throw tooShort(first.count, excess) }
      try first.truncate(to: first.count - excess, self)
    case .onlySecond:
      guard let other = second else {
        throw TokenizerError("only the second text is to be cut, but there is none")
      }
      guard other.count > excess else { throw tooShort(other.count, excess) }
      try second?.truncate(to: other.count - excess, self)
    }
  }

  private func tooShort(_ count: Int, _ excess: Int) -> TokenizerError {
    TokenizerError("\(excess) tokens are too many, but the text that may be cut has \(count)")
  }
}

extension Encoding {
  fileprivate mutating func truncate(
    to length: Int, _ truncation: Truncation
  ) throws(TokenizerError) {
    if length >= count { return }
    if length == 0 {
      let whole = self
      self = Encoding()
      overflowing = [whole]
      return
    }
    guard truncation.stride >= 0, truncation.stride < length else {
      throw TokenizerError(
        "a stride of \(truncation.stride) does not fit into pieces of \(length) tokens")
    }
    let step = length - truncation.stride
    var parts: [Range<Int>] = []
    switch truncation.side {
    case .right:
      var start = 0
      while true {
        let end = min(start + length, count)
        parts.append(start..<end)
        if end == count { break }
        start += step
      }
    case .left:
      var end = count
      while true {
        let start = max(end - length, 0)
        parts.append(start..<end)
        if start == 0 { break }
        end -= step
      }
    }
    var result = part(parts[0])
    result.overflowing = parts.dropFirst().map { part($0) }
    self = result
  }
}

/// How encodings are brought to one length.
public struct Padding: Sendable, Hashable {
  /// The length that encodings are brought to.
  public enum Length: Sendable, Hashable {
    /// That of the longest of a batch.
    case longest
    /// A length of its own; longer encodings stay as they are.
    case fixed(Int)
  }

  /// The length that encodings are brought to.
  public var length: Length
  /// Which side the padding is put on.
  public var side: Truncation.Side
  /// The length is raised to a multiple of this.
  public var multiple: Int?
  /// The id of the padding.
  public var id: Int
  /// Its type id.
  public var typeID: Int
  /// Its token.
  public var token: String

  /// Padding with a token.
  public init(
    length: Length = .longest, side: Truncation.Side = .right, multiple: Int? = nil, id: Int = 0,
    typeID: Int = 0, token: String = "[PAD]"
  ) {
    self.length = length
    self.side = side
    self.multiple = multiple
    self.id = id
    self.typeID = typeID
    self.token = token
  }

  /// The longest that a fixed length may be.
  static let largest = 1 << 24

  /// Pads the encodings of a batch.
  public func pad(_ encodings: inout [Encoding]) {
    var target =
      switch length {
      case .longest: encodings.map(\.count).max() ?? 0
      case .fixed(let length): min(length, Self.largest)
      }
    if let multiple, multiple > 0, target % multiple > 0 {
      target += min(multiple, Self.largest) - target % multiple
    }
    for place in encodings.indices { pad(&encodings[place], to: target) }
  }

  private func pad(_ encoding: inout Encoding, to target: Int) {
    for place in encoding.overflowing.indices { pad(&encoding.overflowing[place], to: target) }
    let missing = target - encoding.count
    if missing <= 0 { return }
    var filler = Encoding(
      special: Array(repeating: (id, token), count: missing), typeID: typeID)
    filler.attentionMask = [Int](repeating: 0, count: missing)
    let overflowing = encoding.overflowing
    encoding.overflowing = []
    if side == .left {
      filler.append(encoding)
      encoding = filler
    } else {
      encoding.append(filler)
    }
    encoding.overflowing = overflowing
  }
}
