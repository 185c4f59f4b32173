import HeedFormats
import HeedText

/// Chat templates: a context to text, or to a kind of error (`chat_templates`).
struct ChatTemplatesRunner: CaseRunner {
  func values(
    of referenceCase: ReferenceCase, in file: ReferenceFile
  ) throws -> [String: JSONValue] {
    let entry = referenceCase.entry
    do {
      let source: String
      if let template = entry["template"]?.string {
        source = template
      } else {
        source = String(
          decoding: try FileAccess.bytes(of: file.folder + "/chat_template.jinja"), as: UTF8.self)
      }
      let template = try ChatTemplate(source)
      return ["rendered": .string(try template.render(entry["context"] ?? .null))]
    } catch let error as TemplateError {
      var values: [String: JSONValue] = ["error": .string(error.kind.description)]
      // The words of the template itself have to agree, those of the interpreter are its own.
      if referenceCase.values["message"] != nil { values["message"] = .string(error.message) }
      values["rendered"] = referenceCase.values["rendered"].map { _ in
        .string("(\(error))")
      }
      return values
    }
  }
}

extension ReferenceFile {
  /// A template with the text or the error that has to come out.
  func chatTemplateCase(_ entry: JSONValue) -> ReferenceCase {
    var values: [String: JSONValue] = [:]
    for key in ["rendered", "error"] { values[key] = entry[key] }
    let message = entry["message"]?.string ?? ""
    // What Jinja says itself about a value that is not there is not compared.
    let isOwn = message.contains("undefined") || message.contains("has no ")
    if entry["error"] == "template", !isOwn { values["message"] = .string(message) }
    let label = entry["name"]?.string ?? entry["template"]?.text() ?? ""
    return ReferenceCase(
      name: "\(name)/\(label)", attributes: entry["context"] ?? .null, entry: entry, inputs: [:],
      outputs: [:], tolerance: Tolerance(absolute: 0, relative: 0), values: values)
  }
}
