import ArgumentParser
import Foundation
import Heed
import HeedFormats
import HeedText

/// Which model.
struct ModelOptions: ParsableArguments {
  @Option(help: "The name of a model that ships (see `heed models`), a folder or a .gguf file.")
  var model = "shakespeare"

  func load() throws -> TextModel { try TextModel(model) }

  /// Its tokenizer alone.
  func tokenizer() throws -> any Tokenizer { try TextModel.tokenizer(model) }

  /// How conversations become prompts of it.
  func chatFormat() throws -> ChatFormat { try TextModel.chatFormat(model) }
}

/// `-` is standard input.
func readText(_ argument: String) throws -> String {
  guard argument == "-" else { return argument }
  let data = FileHandle.standardInput.readDataToEndOfFile()
  guard let text = String(data: data, encoding: .utf8) else {
    throw CommandError("standard input is not UTF-8 text")
  }
  return text
}

/// The text of a file, plain or .gz; `-` is standard input.
func readFile(_ path: String) throws -> String {
  path == "-" ? try readText("-") : try TextFile.text(at: path)
}

/// Something that went wrong while a command ran; exit status 1.
struct CommandError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// Prints a piece of text at once, in order with everything else that is printed.
func show(_ piece: String) {
  print(piece, terminator: "")
  fflush(nil)
}

/// One line on standard error.
func note(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }
