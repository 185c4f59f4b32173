// Texts as the ids that a run learns from, kept in memory: twelve million characters are some
// seconds of work and thirty megabytes.

import HeedText
import HeedTraining

/// The texts of a run, encoded.
struct EncodedCorpus: Sendable {
  /// Ids of all training texts, one after the other.
  let training: [Int]
  /// Ids of all validation texts.
  let validation: [Int]
  /// Bytes of the validation texts.
  let validationBytes: Int

  /// - Throws: `TrainingError` when either part is not longer than a window of `length` tokens.
  init(_ corpus: TextCorpus, _ tokenizer: any Tokenizer, length: Int) throws {
    func ids(_ texts: [String], _ purpose: String) throws -> [Int] {
      let ids = try texts.flatMap { try tokenizer.encode($0) }
      guard ids.count > length else {
        throw TrainingError(
          .unusable,
          what: "\(ids.count) tokens of text for \(purpose) are too few for windows of \(length)")
      }
      return ids
    }
    training = try ids(corpus.training, "training")
    validation = try ids(corpus.validation, "validation")
    validationBytes = corpus.validation.reduce(0) { $0 + $1.utf8.count }
  }

  /// A number that other texts do not have (FNV-1a), for checkpoints.
  var digest: String {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for ids in [training, validation] {
      for id in ids { hash = (hash ^ UInt64(id)) &* 0x100_0000_01B3 }
      hash = (hash ^ UInt64(ids.count)) &* 0x100_0000_01B3
    }
    return String(hash, radix: 16)
  }
}
