import HeedTensor

// A model in several GGUF files, as llama.cpp's gguf-split and its converters write them:
// `name-00001-of-00003.gguf` and so on. The first one has the metadata of the model; all say which one they
// are (`split.no`, from 0), how many there are and how many tensors these have together.
//
// A file may lie beside others by chance or by mistake, so what the names promise is checked against what
// the files say, and nothing is opened that the name of the given one does not call for.

/// The parts of a model, opened and checked against each other.
struct GGUFParts {
  /// One file and what its header says.
  typealias Part = (file: MappedFile, header: GGUFHeader)

  /// Each part, in their order.
  let files: [Part]

  /// Opens the file at `path`, and where it is a part the others beside it.
  init(path: String) throws(FormatError) {
    let given = try Self.open(path)
    guard let count = given.header.integer("split.count"), count > 1 else {
      files = [given]
      return
    }
    let names = try Self.names(path, given.header, count)
    let absent = names.filter { !FileAccess.exists($0) }
    guard absent.isEmpty else {
      throw FormatError(
        .missing, what: "\(absent.count) of \(count) parts are not there: \(absent.listed)",
        place: path, expected: "all parts in one folder")
    }
    var files: [Part] = []
    for (number, name) in names.enumerated() {
      let part = name == path ? given : try Self.open(name)
      for (key, want) in [
        ("split.no", number), ("split.count", count),
        ("split.tensors.count", given.header.integer("split.tensors.count")),
      ] where part.header.integer(key) != want {
        throw FormatError(
          .inconsistent,
          what: "\"\(key)\" is \(part.header.integer(key).map { "\($0)" } ?? "not there")",
          place: name,
          expected: "\(want.map { "\($0)" } ?? "none"), as a part of this model has it",
          hint: "part 0 comes first; do the parts belong together?")
      }
      files.append(part)
    }
    self.files = files
    try checkTensors(path)
  }

  /// The metadata of the model, without what is about the parts.
  var metadata: [(key: String, value: GGUFValue)] {
    let all = files.first?.header.metadata ?? []
    return files.count == 1 ? all : all.filter { !$0.key.hasPrefix("split.") }
  }

  private static func open(_ path: String) throws(FormatError) -> Part {
    let file: MappedFile
    do throws(FileError) { file = try MappedFile(path: path) } catch { throw FormatError(error) }
    let header = try GGUFHeader(file)
    // A vocabulary is some megabytes, which the header has copied.
    file.releasePages()
    return (file, header)
  }

  /// The paths of all parts, by the name and the number of one of them.
  private static func names(
    _ path: String, _ header: GGUFHeader, _ count: Int
  ) throws(FormatError) -> [String] {
    guard count <= 4096 else {
      throw FormatError(.limit, what: "\(count) parts", place: path, expected: "at most 4096")
    }
    func ending(_ number: Int) -> String {
      func digits(_ value: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, 5 - text.count)) + text
      }
      return "-\(digits(number + 1))-of-\(digits(count)).gguf"
    }
    guard let number = header.integer("split.no"), (0..<count).contains(number) else {
      throw FormatError(
        .malformed, what: "a part without a number below \(count)", place: path,
        expected: "\"split.no\"")
    }
    guard path.hasSuffix(ending(number)) else {
      throw FormatError(
        .inconsistent, what: "the file is part \(number + 1) of \(count)", place: path,
        expected: "a name that ends in \(ending(number))",
        hint: "the other parts are found by the name of this one")
    }
    let stem = path.dropLast(ending(number).count)
    return (0..<count).map { stem + ending($0) }
  }

  private func checkTensors(_ path: String) throws(FormatError) {
    var places: [ExactString: Int] = [:]
    for (number, part) in files.enumerated() {
      for name in part.header.names {
        if let other = places.updateValue(number, forKey: ExactString(name)) {
          throw FormatError(
            .inconsistent, what: "the tensor \"\(name)\" is in part \(other + 1) too",
            place: part.file.path, expected: "each tensor in one part")
        }
      }
    }
    if let promised = files.first?.header.integer("split.tensors.count"), promised != places.count {
      throw FormatError(
        .inconsistent, what: "the parts have \(places.count) tensors", place: path,
        expected: "\(promised), as \"split.tensors.count\" says")
    }
  }
}

extension GGUFHeader {
  fileprivate func integer(_ key: String) -> Int? {
    metadata.first { $0.key == key }?.value.integer
  }
}
