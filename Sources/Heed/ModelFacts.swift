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
    var digest: UInt64?
  }

  private let found = Mutex(Found())

  func fingerprint(_ make: () -> String) -> String { known(\.fingerprint, make) }

  func vocabulary(_ make: () -> TokenTrie) -> TokenTrie { known(\.vocabulary, make) }

  func digest(_ make: () -> UInt64) -> UInt64 { known(\.digest, make) }

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

  /// A number that another vocabulary does not have (FNV-1a over the bytes of all tokens).
  private var vocabularyDigest: UInt64 {
    facts.digest {
      var hash: UInt64 = 0xCBF2_9CE4_8422_2325
      func add(_ word: UInt64) { hash = (hash ^ word) &* 0x100_0000_01B3 }
      for id in 0..<tokenizer.vocabularySize {
        let bytes = tokenizer.bytes(ofToken: id)
        add(bytes.map { UInt64($0.count) } ?? .max)
        for byte in bytes ?? [] { add(UInt64(byte)) }
      }
      return hash
    }
  }
}
