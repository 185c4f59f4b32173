import ArgumentParser
import Heed
import HeedFormats
import HeedModels

/// `heed describe`: the resolved model in ten lines.
struct Describe: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Say what a model is made of, in about ten lines.")

  @Argument(
    help: "The name of a model that ships, a folder, its config.json, a .gguf or a .bin file.")
  var model = "shakespeare"

  func run() throws {
    let place = try ShippedModel.place(of: model)
    if place.hasSuffix(".gguf") || place.hasSuffix(".bin") {
      print(try PublishedModel(path: place).spec.summary)
      return
    }
    let path = place.hasSuffix(".json") ? place : place + "/config.json"
    let config = try JSONValue(
      contentsOf: path, options: JSONOptions(allowsNonFiniteNumbers: true))
    let family = try FamilyRegistry.standard.family(for: config, place: path)
    print(try family.spec(config, path).summary)
  }
}

/// `heed models`: what ships.
struct Models: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "List the models that ship with heed.")

  func run() throws {
    for model in ShippedModel.all { print("\(model.name)  \(model.summary)") }
    print("\nAny folder with config.json and model.safetensors works too: --model FOLDER")
  }
}
