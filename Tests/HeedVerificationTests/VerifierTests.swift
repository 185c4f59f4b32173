import Foundation
import HeedFormats
import HeedTensor
import HeedVerification
import Testing

/// Adds one to x, and knows nothing else.
private struct PlusOne: CaseRunner {
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor] {
    if referenceCase.flag("strange") { throw Unsupported("strange cases") }
    return ["y": try referenceCase.input("x") + 1]
  }
}

@Suite("Verifier")
struct VerifierTests {
  /// A folder with the family "toy" of the given cases; every tensor is `[1, 2]` or `[2, 3]`.
  private func withFolder(
    cases: [JSONValue], _ body: (String) throws -> Void
  ) throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent(UUID().uuidString).path
    try FileManager.default.createDirectory(
      atPath: folder + "/toy/plus", withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try SafetensorsFile.write(
      ["x": Tensor([1, 2] as [Float]), "y": Tensor([2, 3] as [Float])],
      to: folder + "/toy/plus/cases.safetensors")
    let description: JSONValue = [
      "family": "toy", "case": "plus", "kind": "operators", "cases": .array(cases),
    ]
    try description.write(to: folder + "/toy/plus/cases.json")
    try body(folder)
  }

  private func referenceCase(
    _ name: String, output: String = "y", attributes: JSONValue = [:], outputs: [String] = ["y"]
  ) -> JSONValue {
    var wanted = JSONObject()
    for key in outputs { wanted[key] = ["tensor": .string(output)] }
    return [
      "name": .string(name), "attributes": attributes, "inputs": ["x": ["tensor": "x"]],
      "outputs": .object(wanted), "tolerance": ["atol": 1e-6, "rtol": 0.0],
    ]
  }

  @Test("cases are passed, failed or not supported, each by name")
  func outcomes() throws {
    let cases = [
      referenceCase("good"), referenceCase("bad", output: "x"),
      referenceCase("odd", attributes: ["strange": true]),
    ]
    try withFolder(cases: cases) { folder in
      let verifier = Verifier(registry: RunnerRegistry(["toy": PlusOne()]))
      let report = try verifier.verify(folder: folder)
      #expect(report.passedCount == 1)
      #expect(report.failures.map(\.name) == ["toy/plus/bad"])
      #expect(report.unsupported.map(\.text) == ["toy/plus/odd (1): strange cases"])
      #expect(report.text.hasSuffix("1 passed, 1 failed, 1 not supported yet"))
      #expect(report.json["failed"] == 1)
    }
  }

  @Test("a result that nobody computed fails the case")
  func partial() throws {
    try withFolder(cases: [referenceCase("half", outputs: ["y", "dx"])]) { folder in
      let report = try Verifier(registry: RunnerRegistry(["toy": PlusOne()])).verify(folder: folder)
      #expect(report.failures.count == 1)
      #expect(report.failures.first?.missing == ["dx"])
    }
  }

  @Test("a family without a runner is listed with its number of cases")
  func unknownFamily() throws {
    try withFolder(cases: [referenceCase("a"), referenceCase("b")]) { folder in
      let report = try Verifier(registry: RunnerRegistry()).verify(folder: folder)
      #expect(report.unsupported.map(\.count) == [2])
      #expect(report.passedCount == 0)
    }
  }

  @Test("the filter chooses by the whole name")
  func filter() throws {
    try withFolder(cases: [referenceCase("a"), referenceCase("b")]) { folder in
      let registry = RunnerRegistry(["toy/plus": PlusOne()])
      let report = try Verifier(registry: registry, filter: "plus/b").verify(folder: folder)
      #expect(report.lines.map(\.name) == ["toy/plus/b"])
    }
  }

  @Test("a folder without cases is an error")
  func empty() throws {
    #expect(throws: FormatError.self) {
      try Verifier().verify(folder: FileManager.default.temporaryDirectory.path + "/absent")
    }
  }

  /// Gives texts back as they are, but for one.
  private struct Echo: CaseRunner {
    func values(
      of referenceCase: ReferenceCase, in file: ReferenceFile
    ) throws -> [String: JSONValue] {
      let text = referenceCase.attributes["text"]?.string ?? ""
      if text == "odd" { throw Unsupported("odd texts") }
      return ["decoded": .string(text == "bad" ? "e\u{301}" : text)]
    }
  }

  @Test("small checks that pass share a line, the others have one each, texts count byte by byte")
  func smallChecks() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
      .path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func check(_ text: String, _ decoded: String) -> JSONValue {
      ["text": .string(text), "decoded": .string(decoded)]
    }
    let description: JSONValue = [
      "family": "toy", "case": "echo", "kind": "tokenizer",
      "source": [
        check("a", "a"), check("b", "b"), check("bad", "\u{E9}"), check("c", "c"),
        check("odd", "odd"), ["text": "d", "ids": [1]],
      ],
    ]
    try description.write(to: folder + "/cases.json")
    let verifier = Verifier(registry: RunnerRegistry(["toy": Echo()]))
    let report = try verifier.verify(folder: folder)
    let lines = report.text.split(separator: "\n").map(String.init)
    #expect(lines[0] == "pass  toy/echo/source  2 checks, exact")
    #expect(lines[1].hasPrefix("FAIL  toy/echo/source/2  exact; decoded: "))
    #expect(lines[2] == "pass  toy/echo/source  1 checks, exact")
    #expect(lines[3] == "FAIL  toy/echo/source/5  not compared: ids; nothing to compare")
    #expect(lines.last == "3 passed, 2 failed, 1 not supported yet")
    #expect(
      try Verifier(registry: verifier.registry, filter: "source/1").verify(folder: folder)
        .passedCount == 1)
  }
}
