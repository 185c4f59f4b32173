import Foundation
import HeedTraining
import Testing

/// `heed train` as processes that are killed, and disks that are full.
@Suite struct TrainCommandTests {
  /// A run of a model of some hundred weights.
  private func arguments(
    _ folder: URL, _ name: String, steps: Int = 60, checkpointEvery: Int = 7
  ) throws -> [String] {
    let text = folder.appendingPathComponent("text.txt")
    if !FileManager.default.fileExists(atPath: text.path) {
      try Data(String(repeating: "to be, or not to be: ", count: 20).utf8).write(to: text)
    }
    let settings = [
      "config.n_layer=1", "config.n_head=1", "config.n_embd=4", "config.n_positions=8",
      "context_length=8", "batch_size=2", "warmup_steps=1", "validation_interval=20",
    ]
    return ["train", "shakespeare-chars", "--text", text.path, "--steps", "\(steps)"]
      + ["--checkpoint-every", "\(checkpointEvery)", "--threads", "1", "--quiet"]
      + settings.flatMap { ["--set", $0] } + ["--output", folder.path + "/" + name]
  }

  private func steps(_ log: URL) -> Int {
    (FileManager.default.contents(atPath: log.path) ?? Data()).count { $0 == UInt8(ascii: "\n") }
  }

  @Test("a run that is killed at any moment goes on to the bits of one that was not")
  func killed() throws {
    try withFolder { folder in
      let whole = try Run(arguments(folder, "whole"))
      #expect(whole.status == 0, "\(whole.errors)")
      let model = FileManager.default.contents(atPath: folder.path + "/whole/model.safetensors")
      let arguments = try arguments(folder, "killed")
      let output = folder.appendingPathComponent("killed")
      var isResuming = false
      for moment in [1, 8, 15, 33, 50] {
        let process = Process()
        process.executableURL = Run.binary
        process.arguments = arguments + (isResuming ? ["--resume"] : [])
        (process.standardOutput, process.standardError) = (Pipe(), Pipe())
        try process.run()
        let log = output.appendingPathComponent("log.jsonl")
        while process.isRunning, steps(log) < moment { usleep(200) }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        isResuming = FileManager.default.fileExists(
          atPath: output.path + "/checkpoint.safetensors")
      }
      #expect(isResuming)
      // A process may end while it writes any of its files.
      for name in ["checkpoint.safetensors", "loss.svg", "config.json"] {
        try Data().write(to: output.appendingPathComponent("\(name).0abc.partial"))
      }
      let refused = try Run(arguments)
      #expect(refused.status == 2 && refused.errors.contains("--resume"), "\(refused.errors)")
      let last = try Run(arguments + ["--resume"])
      #expect(last.status == 0, "\(last.errors)")
      #expect(model != nil)
      #expect(
        FileManager.default.contents(atPath: output.path + "/model.safetensors") == model)
      let entries = try TrainingLog.read(output.path + "/log.jsonl")
      #expect(entries.map(\.step) == Array(1...60))
      let names = try FileManager.default.contentsOfDirectory(atPath: output.path)
      #expect(!names.contains { $0.hasSuffix(".partial") })
    }
  }

  @Test(
    "a run that is asked to end, by whatever signal, writes a checkpoint",
    arguments: [SIGINT, SIGTERM])
  func asked(number: Int32) throws {
    try withFolder { folder in
      let arguments = try arguments(folder, "a", steps: 1_000_000, checkpointEvery: 1_000_000)
      let process = try started(arguments, until: folder.appendingPathComponent("a/log.jsonl"))
      kill(process.processIdentifier, number)
      process.waitUntilExit()
      #expect(process.terminationStatus == 0)
      let entries = try TrainingLog.read(folder.path + "/a/log.jsonl")
      let step = try Checkpoint(path: folder.path + "/a/checkpoint.safetensors").step
      #expect(step > 0 && entries.last?.step == step)
    }
  }

  @Test("of two runs in one folder at once the second is refused, and changes nothing")
  func twoAtOnce() throws {
    try withFolder { folder in
      let arguments = try arguments(folder, "a", steps: 1_000_000)
      let process = try started(arguments, until: folder.appendingPathComponent("a/log.jsonl"))
      for option in [[], ["--overwrite"], ["--resume"]] {
        let run = try Run(arguments + option)
        #expect(run.status != 0, "\(option)")
        let isBusy = run.errors.contains("somebody else trains in \(folder.path)/a now")
        #expect(isBusy || option == [] && run.errors.contains("--resume"), "\(run.errors)")
      }
      #expect(process.isRunning)
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      // Nobody has to clear anything away.
      let next = try self.arguments(folder, "a")
      #expect(try Run(next + ["--overwrite"]).status == 0)
    }
  }

  /// A run that has finished some steps.
  private func started(_ arguments: [String], until log: URL) throws -> Process {
    let process = Process()
    process.executableURL = Run.binary
    process.arguments = arguments
    (process.standardOutput, process.standardError) = (Pipe(), Pipe())
    try process.run()
    while process.isRunning, steps(log) < 20 { usleep(200) }
    return process
  }

  @Test("a log that finds no place ends the run with a checkpoint of all its steps")
  func full() throws {
    try withFolder { folder in
      let whole = try Run(arguments(folder, "whole", steps: 100))
      #expect(whole.status == 0, "\(whole.errors)")
      let arguments = try arguments(folder, "full", steps: 100, checkpointEvery: 1000)
      // Files of 10 KB at most: the checkpoint has place there, the log of all steps has not.
      let run = try Run(
        shell: "trap '' XFSZ; ulimit -f 20; heed "
          + arguments.map { "'\($0)'" }.joined(separator: " "))
      #expect(run.status == 1, "\(run.errors)")
      #expect(run.errors.contains("log.jsonl: cannot write the file: "), "\(run.errors)")
      let checkpoint = folder.path + "/full/checkpoint.safetensors"
      #expect(run.errors.contains("the last good checkpoint is \(checkpoint)"), "\(run.errors)")
      let step = try Checkpoint(path: checkpoint).step
      #expect(step > 7 && step < 100)
      let resumed = try Run(arguments + ["--resume"])
      #expect(resumed.status == 0, "\(resumed.errors)")
      let models = ["whole", "full"].map {
        FileManager.default.contents(atPath: folder.path + "/\($0)/model.safetensors")
      }
      #expect(models[0] != nil && models[0] == models[1])
    }
  }

  @Test("what was not begun is not gone on with, and no folder is made for it")
  func nothingToResume() throws {
    let folder = FileManager.default.temporaryDirectory.path + "/" + UUID().uuidString
    let run = try Run("train", "shakespeare-chars", "--output", folder, "--resume", "--quiet")
    #expect(run.status == 1 && run.errors.contains("checkpoint.safetensors"), "\(run.errors)")
    #expect(!FileManager.default.fileExists(atPath: folder))
  }

  @Test("a run that is to be deleted begins anew, and is not resumed at once")
  func overwrite() throws {
    try withFolder { folder in
      let arguments = try arguments(folder, "model")
      #expect(try Run(arguments).status == 0)
      let model = folder.path + "/model/model.safetensors"
      let before = FileManager.default.contents(atPath: model)
      let refused = try Run(arguments + ["--seed", "5"])
      #expect(refused.status == 2 && refused.errors.contains("--overwrite"), "\(refused.errors)")
      #expect(FileManager.default.contents(atPath: model) == before)
      #expect(try Run(arguments + ["--overwrite", "--resume"]).status == 2)
      #expect(try Run(arguments + ["--seed", "5", "--overwrite"]).status == 0)
      #expect(FileManager.default.contents(atPath: model) != before)
    }
  }
}
