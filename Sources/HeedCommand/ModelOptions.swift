import ArgumentParser
import Foundation
import Heed
import HeedFormats
import HeedText

/// Which model.
struct ModelOptions: ParsableArguments {
  @Option(help: "The name of a model that ships (see `heed models`), a folder or a .gguf file.")
  var model = "shakespeare"

  func validate() throws {
    if model.isEmpty { throw ValidationError("--model must not be empty") }
  }

  func load() throws -> TextModel { try TextModel(model) }

  /// Its tokenizer alone.
  func tokenizer() throws -> any Tokenizer { try TextModel.tokenizer(model) }

  /// How conversations become prompts of it.
  func chatFormat() throws -> ChatFormat { try TextModel.chatFormat(model) }
}

/// `-` is standard input.
func readText(_ argument: String) throws -> String {
  guard argument == "-" else { return argument }
  var data = Data()
  while true {
    let part: Data?
    do { part = try FileHandle.standardInput.read(upToCount: 1 << 20) } catch {
      throw CommandError("cannot read standard input")
    }
    guard let part, !part.isEmpty else { break }
    data += part
    // As much as a file of text may have.
    guard data.count <= 1 << 30 else { throw CommandError("standard input has more than 1 GB") }
  }
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
func note(_ line: String) { showOnStandardError(line + "\n") }

/// A text on standard error, at once. There is nobody to tell when it cannot be written.
func showOnStandardError(_ text: String) {
  try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
}
