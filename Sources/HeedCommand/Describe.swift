import ArgumentParser
import Heed
import HeedBlocks
import HeedFormats
import HeedModels

/// `heed describe`: the resolved model in ten lines.
struct Describe: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "describe", abstract: "Say what a model is made of, in about ten lines.")

  @Argument(
    help: "The name of a model that ships, a folder, its config.json, a .gguf or a .bin file.")
  var model = "shakespeare"

  @Flag(help: "Print one JSON document.") var json = false

  func run() throws {
    let spec = try spec()
    guard json else { return print(spec.summary) }
    let document: JSONValue = [
      "model": .string(model), "family": .string(spec.family),
      "layers": .integer(spec.blocks.count), "width": .integer(spec.width),
      "vocabulary": .integer(spec.vocabularySize), "context": .integer(spec.contextLength),
      "end_tokens": .array(spec.endTokens.map { .integer($0) }),
      "parameters": .integer(spec.slots.reduce(0) { $0 + $1.shape.reduce(1, *) }),
      "summary": .array(spec.summary.split(separator: "\n").map { .string(String($0)) }),
    ]
    print(document.text())
  }

  private func spec() throws -> ModelSpec {
    let place = try ShippedModel.place(of: model)
    if place.hasSuffix(".gguf") || place.hasSuffix(".bin") {
      return try PublishedModel(path: place).spec
    }
    let path = place.hasSuffix(".json") ? place : place + "/config.json"
    let config = try JSONValue(
      contentsOf: path, options: JSONOptions(allowsNonFiniteNumbers: true))
    return try FamilyRegistry.standard.family(for: config, place: path).spec(config, path)
  }
}

/// `heed models`: what ships.
struct Models: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models", abstract: "List the models that ship with heed.")

  @Flag(help: "Print one JSON document.") var json = false

  func run() throws {
    if json {
      let models = ShippedModel.all.map { model -> JSONValue in
        [
          "name": .string(model.name), "summary": .string(model.summary),
          "path": .string(model.path),
        ]
      }
      return print(JSONValue.array(models).text())
    }
    for model in ShippedModel.all { print("\(model.name)  \(model.summary)") }
    print(
      """

      Published models work too: --model with a folder (config.json and safetensors), a .gguf or a \
      .bin file (llama2.c)
      """)
  }
}
