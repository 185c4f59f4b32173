import Foundation
import HeedFormats
import HeedModels
import HeedTensor
import HeedText

// One parser for each run, chosen by HEED_FUZZ. Whatever the bytes are, a parser answers with a value
// or with an error of its own kind; a trap, a leak of memory or an endless loop is a find.

/// A parser that takes bytes from outside.
private enum Target: String {
  case safetensors, gguf, tokenizer, schema, pattern

  static let chosen: Target = {
    let name = ProcessInfo.processInfo.environment["HEED_FUZZ"] ?? ""
    guard let target = Target(rawValue: name) else {
      preconditionFailure("HEED_FUZZ is \"\(name)\", the name of no parser")
    }
    return target
  }()
}

/// Where files for the parsers that map files are written.
private let path =
  NSTemporaryDirectory() + "heed-fuzz-\(ProcessInfo.processInfo.processIdentifier).gguf"

private let text = "The  owl's 12 eggs,\n\u{e9}t\u{e9} \u{4e16}\u{754c} \u{1f600}</s>"

/// What libFuzzer calls for each input.
@_cdecl("heed_fuzz")
public func fuzz(_ bytes: UnsafePointer<UInt8>, _ count: Int) {
  let data = Data(bytes: bytes, count: count)
  switch Target.chosen {
  case .safetensors:
    guard (try? data.write(to: URL(fileURLWithPath: path))) != nil,
      let file = try? SafetensorsFile(path: path)
    else { return }
    for name in file.tensorNames {
      guard let tensor = try? file.tensor(named: name), tensor.count > 0 else { continue }
      _ = tensor.converted(to: .float32).sum()
    }
  case .gguf:
    guard (try? data.write(to: URL(fileURLWithPath: path))) != nil,
      let file = try? GGUFFile(path: path)
    else { return }
    for name in file.tensorNames { _ = try? file.tensor(named: name) }
    _ = try? LanguageModel(path: path)
    if let tokenizer = try? GGUFTokenizer.tokenizer(of: file), let ids = try? tokenizer.encode(text)
    {
      _ = tokenizer.decode(ids)
    }
  case .tokenizer:
    guard let json = try? JSONValue(parsing: Array(data)),
      let tokenizer = try? PipelineTokenizer(json: json, place: "fuzz")
    else { return }
    guard let ids = try? tokenizer.encode(text) else { return }
    _ = tokenizer.decode(ids)
    _ = tokenizer.decode([0, 1, 2, 1 << 40, -1], skippingSpecialTokens: true)
  case .schema:
    guard let json = try? JSONValue(parsing: Array(data)),
      let constraint = try? TextConstraint(jsonSchema: json)
    else { return }
    if let text = written(by: constraint, choosing: data) { _ = readBack(text) }
  case .pattern:
    guard let pattern = String(data: data, encoding: .utf8) else { return }
    if let constraint = try? TextConstraint(pattern: pattern) {
      _ = written(by: constraint, choosing: data)
    }
    if let constraint = try? TextConstraint(
      jsonSchema: ["type": "string", "pattern": .string(pattern)]),
      let text = written(by: constraint, choosing: data)
    {
      guard readBack(text)?.string != nil else { fatalError("no string: \(text)") }
    }
    let json: JSONValue = [
      "model": ["type": "WordLevel", "vocab": ["a": 0], "unk_token": "a"],
      "pre_tokenizer": [
        "type": "Split", "pattern": ["Regex": .string(pattern)], "behavior": "Isolated",
      ],
    ]
    if let tokenizer = try? PipelineTokenizer(json: json, place: "fuzz") {
      _ = try? tokenizer.encode(text)
    }
  }
}
