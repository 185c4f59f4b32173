import HeedFormats

extension ReferenceFile {
  /// The groups of checks that a tokenizer's description has.
  private static let tokenizerGroups = [
    "encode", "decode_ids", "pairs", "truncation_padding", "source", "target",
  ]

  /// Every check of a tokenizer as an entry of its own, with its group and a name.
  var tokenizerEntries: [JSONValue] {
    var entries: [JSONValue] = []
    func append(_ group: String, _ name: String, _ check: JSONValue) {
      entries.append([
        "group": .string("\(self.name)/\(group)"), "kind": .string(group),
        "name": .string("\(group)/\(name)"), "check": check,
      ])
    }
    for key in ["vocab_size", "bos_eos_unk_pad"] {
      if let value = description[key] { append("vocabulary", key, ["value": value]) }
    }
    for group in Self.tokenizerGroups {
      for (number, check) in (description[group]?.array ?? []).enumerated() {
        append(group, check["name"]?.string ?? "\(number)", check)
      }
    }
    return entries
  }

  /// A check with the values that have to come out.
  func tokenizerCase(_ entry: JSONValue) -> ReferenceCase {
    let check = entry["check"] ?? .null
    var values: [String: JSONValue] = [:]
    for (key, value) in check.object?.members ?? [] where !Self.inputKeys.contains(key) {
      values[key] = value
    }
    if entry["kind"]?.string == "encode", fileExists("\(folder)/tokenizer.json") {
      // What is left out here equals the text, or the value before.
      let decoded = check["decoded"] ?? check["text"]
      values["decoded"] = decoded
      values["decoded_skip_special"] = check["decoded_skip_special"] ?? decoded
    }
    // The ids of a pair of plain decoding say what was decoded, not what comes out.
    if entry["kind"]?.string == "decode_ids" { values["ids"] = nil }
    return ReferenceCase(
      name: "\(name)/\(entry["name"]?.string ?? "")", attributes: check, entry: entry, inputs: [:],
      outputs: [:], tolerance: Tolerance(absolute: 0, relative: 0), values: values)
  }

  private static let inputKeys: Set<String> = [
    "name", "text", "texts", "pair", "truncation", "padding",
  ]
}
