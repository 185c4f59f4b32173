import Foundation
import HeedFormats
import HeedText

private let characters = CharacterTokenizer(
  charactersOf: String(decoding: (0x20...0x7E).map { UInt8($0) }, as: UTF8.self)
    + "\n\u{e9}\u{4e16}\u{1f600}")

/// A text that a constraint allows, each character chosen by a byte; nil where it does not end soon.
///
/// What the walker lets through has to match as a whole.
func written(by constraint: TextConstraint, choosing bytes: Data) -> String? {
  var walker = ConstraintWalker(constraint, characters)
  var (state, ids) = (0, [Int]())
  for count in 0..<256 where !walker.isComplete(state) {
    let allowed = walker.allowed(state, endTokens: [])
    // Later what closes comes first, so that texts end.
    let closing = allowed.filter { "\"]},:".unicodeScalars.contains(characters.characters[$0]) }
    let choices = count > 64 && !closing.isEmpty ? closing : allowed
    if choices.isEmpty { break }
    let id = choices[
      bytes.isEmpty ? 0 : Int(bytes[bytes.startIndex + count % bytes.count]) % choices.count]
    guard let next = walker.next(state, token: id) else {
      fatalError("an allowed token does not fit")
    }
    ids.append(id)
    state = next
  }
  guard walker.accepts(state) else { return nil }
  let text = characters.decode(ids)
  guard constraint.matches(text) else { fatalError("does not match: \(text)") }
  return text
}

/// What a schema writes has to be JSON; nil where a name came twice, which no automaton knows.
func readBack(_ text: String) -> JSONValue? {
  do { return try JSONValue(parsing: text) } catch {
    if error.what.contains("occurs twice") { return nil }
    fatalError("\(error): \(text)")
  }
}
