public import HeedFormats

/// What a generated text has to match, from its first byte to its last.
///
///     let date = try TextConstraint(pattern: #"\d{4}-\d{2}-\d{2}"#)
///     let person = try TextConstraint(jsonSchema: ["type": "object", "properties": ["age": ["type": "integer"]]])
public struct TextConstraint: Sendable {
  let automaton: ByteAutomaton

  /// Texts that a regular expression matches as a whole.
  ///
  /// The syntax is that of tokenizers, Oniguruma's, but that `^` and `$` are the ends of the text. (The
  /// patterns of a JSON schema are ECMAScript's.)
  ///
  /// - Throws: `FormatError` when it cannot be read, needs more than a finite automaton (look-around,
  ///   edges of words) or nothing can match it.
  public init(pattern: String) throws(FormatError) {
    let place = "regular expression"
    let node = try ConstraintNode(
      pattern: pattern, options: .text, place: place, isAnchored: true)
    try self.init(ByteAutomaton(node, place: place), place: place)
  }

  /// JSON documents of a schema (see `JSONSchemaGrammar` for what is known of schemas). Its patterns are
  /// ECMAScript's with the flag u.
  ///
  /// - Throws: `FormatError` that names the part of the schema that is not supported or cannot be met.
  public init(jsonSchema: JSONValue) throws(FormatError) {
    var grammar = try JSONSchemaGrammar(jsonSchema)
    let root = try grammar.root()
    let place = "JSON schema"
    try self.init(ByteAutomaton(root, rules: grammar.rules, place: place), place: place)
  }

  private init(_ automaton: ByteAutomaton, place: String) throws(FormatError) {
    self.automaton = automaton
    guard ConstraintWalker(self, tokens: []).canBegin else {
      throw FormatError(
        .limit, what: "texts that begin in too many ways", place: place,
        expected: "at most \(ConstraintWalker.placeLimit.one) choices at once")
    }
  }

  /// Whether a whole text matches.
  public func matches(_ text: String) -> Bool {
    var walker = ConstraintWalker(self, tokens: [])
    var state = 0
    for byte in text.utf8 {
      state = walker.step(state, byte)
      if state == ConstraintWalker.deadState { return false }
    }
    return walker.accepts(state)
  }
}
