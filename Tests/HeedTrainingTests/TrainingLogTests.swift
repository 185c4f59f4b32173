import Foundation
import HeedFormats
import HeedTraining
import Testing

@Suite("Training log")
struct TrainingLogTests {
  @Test("a log continues after the checkpoint: later and unfinished lines are cut off")
  func resume() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/log.jsonl"
      var log = try TrainingLog(path: path)
      for step in 1...5 {
        try log.append(.init(step: step, loss: 1 / Double(step), learningRate: 0.1))
      }
      try log.append(.init(step: 6, validationLoss: 0.25))
      #expect(try TrainingLog.read(path) == log.entries)
      let handle = try #require(FileHandle(forWritingAtPath: path))
      try handle.seekToEnd()
      try handle.write(contentsOf: Data(#"{"step": 7, "lo"#.utf8))
      try handle.close()
      var resumed = try TrainingLog(path: path, continuingAfter: 3)
      #expect(resumed.entries.map(\.step) == [1, 2, 3])
      try resumed.append(.init(step: 4, loss: 9))
      #expect(try TrainingLog.read(path).map(\.loss) == [1, 0.5, 1 / 3.0, 9])
      #expect(try TrainingLog(path: path).entries.isEmpty)
    }
  }

  @Test("a line that is no entry is named")
  func malformed() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/log.jsonl"
      try Data("{\"step\":1}\n{\"loss\":2}\n".utf8).write(to: URL(fileURLWithPath: path))
      let error = #expect(throws: FormatError.self) { try TrainingLog.read(path) }
      #expect(error?.place == path + ":2")
    }
  }

  @Test("a log in no folder is an error")
  func unwritable() throws {
    try withTemporaryFolder { folder in
      #expect(throws: FormatError.self) { try TrainingLog(path: folder + "/none/log.jsonl") }
    }
  }

  @Test("the curve shows both losses, whatever their number", arguments: [0, 1, 2, 130, 1000])
  func curve(count: Int) {
    let entries = (0..<count).map { step in
      TrainingLog.Entry(
        step: step, loss: 4 / Double(step + 1), validationLoss: step % 13 == 0 ? 2 : nil)
    }
    let svg = LossCurve.svg(entries, title: "a < b\u{1B}")
    #expect(svg.hasPrefix("<svg") && svg.hasSuffix("</svg>\n"))
    #expect(svg.contains("a &lt; b\u{FFFD}<"))
    #expect(svg.components(separatedBy: "<polyline").count == 3)
    #expect(!svg.contains("nan") && !svg.contains("inf"))
  }
}
