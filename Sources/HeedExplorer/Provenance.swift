import Heed
import HeedModels
import HeedTensor

/// What a picture was made of. The same provenance and the same heads are the same bytes.
public struct Provenance: Sendable, Hashable {
  /// The model's name.
  public let model: String
  /// Tells weights and ways to compute apart: a hash of the bits that the model gives for fixed tokens.
  public let modelDigest: String
  /// A hash of the ids that were read (FNV-1a); for telling inputs apart, not against forgery.
  public let inputDigest: String
  /// Precision of products.
  public let precision: String
  /// The instruction set that computed.
  public let kernels: String
  /// The version of Heed.
  public let version: String

  /// Of `ids` that `text` reads.
  init(_ text: TextModel, ids: [Int]) {
    var hash = BitHash()
    hash.add(ids.map { UInt32(truncatingIfNeeded: $0) })
    model = text.name
    modelDigest = text.fingerprint
    inputDigest = hash.text
    precision = text.model.precision.rawValue
    kernels = Kernels.name
    version = HeedVersion.current
  }

  /// All of it in one line.
  var text: String { entries.map { "\($0.keyword): \($0.text)" }.joined(separator: "; ") }

  /// Names and values in the order in which files list them.
  var entries: [(keyword: String, text: String)] {
    [
      ("Software", "heed \(version)"), ("Model", model), ("Model digest", modelDigest),
      ("Input digest", inputDigest), ("Precision", precision), ("Kernels", kernels),
    ]
  }
}
