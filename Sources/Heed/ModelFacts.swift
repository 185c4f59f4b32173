// Some of what generating needs is the same for every text of a model and costs a pass over the
// vocabulary or through the model. It is found when it is first asked for, by whoever asks first, and
// shared by all copies of the model.

import HeedText
import Synchronization

/// What is found out about a model once.
final class ModelFacts: Sendable {
  private struct Found {
    var fingerprint: String?
    var vocabulary: TokenTrie?
    var digest: String?
  }

  private let found = Mutex(Found())

  func fingerprint(_ make: () -> String) -> String { known(\.fingerprint, make) }

  func vocabulary(_ make: () -> TokenTrie) -> TokenTrie { known(\.vocabulary, make) }

  func digest(_ make: () -> String) -> String { known(\.digest, make) }

  /// What is asked for, made by `make` the first time; others wait for it meanwhile.
  private func known<Fact: Sendable>(
    _ fact: WritableKeyPath<Found, Fact?>, _ make: () -> Fact
  ) -> Fact {
    found.withLock { found in
      if let known = found[keyPath: fact] { return known }
      let made = make()
      found[keyPath: fact] = made
      return made
    }
  }
}

extension TextModel {
  /// The bytes of all tokens as a tree.
  var vocabulary: TokenTrie { facts.vocabulary { TokenTrie(tokenizer) } }

  /// Whether another model's ids stand for the same texts.
  func hasVocabulary(of other: TextModel) -> Bool {
    tokenizer.vocabularySize == other.tokenizer.vocabularySize
      && vocabularyDigest == other.vocabularyDigest
  }

  /// A hash of the bytes of all tokens, which another vocabulary does not have.
  private var vocabularyDigest: String {
    facts.digest {
      var hash = BitHash()
      for id in 0..<tokenizer.vocabularySize {
        let bytes = tokenizer.bytes(ofToken: id)
        hash.add([bytes.map { UInt32(truncatingIfNeeded: $0.count) } ?? .max])
        hash.add((bytes ?? []).map { UInt32($0) })
      }
      return hash.text
    }
  }
}
