// The settings of a recipe by name: what a checkpoint remembers, and what a person may change
// (`heed train RECIPE --set peak_rate=2e-3`). One table says which name is which member.

import HeedBlocks
public import HeedFormats
import HeedModels
import HeedTensor
import HeedTraining

extension Recipe {
  /// A number that may be changed: its name, its member, and what it may be.
  private enum Member {
    case integer(WritableKeyPath<Recipe, Int>, ClosedRange<Int>)
    case number(WritableKeyPath<Recipe, Double>, ClosedRange<Double>)
  }

  private static var members: [(name: String, member: Member)] {
    let count = 1...1 << 20
    return [
      ("context_length", .integer(\.contextLength, count)),
      ("batch_size", .integer(\.batchSize, count)),
      ("microbatches", .integer(\.microbatchCount, 1...65_536)),
      ("steps", .integer(\.stepCount, 1...1 << 32)),
      ("dropout", .number(\.dropout, 0...0.99)),
      ("peak_rate", .number(\.peakRate, 0...1e3)),
      ("final_rate", .number(\.finalRate, 0...1e3)),
      ("warmup_steps", .integer(\.warmupSteps, 0...1 << 32)),
      ("beta2", .number(\.beta2, 0...0.999_999_9)),
      ("weight_decay", .number(\.weightDecay, 0...1e3)),
      ("gradient_limit", .number(\.gradientLimit, 1e-9...1e9)),
      ("balance_speed", .number(\.balanceSpeed, 0...1)),
      ("validation_interval", .integer(\.validationInterval, 1...1 << 32)),
      ("training_share", .number(\.trainingShare, 0...1)),
    ]
  }

  /// What must be the same for a run to go on from a checkpoint.
  public var settings: JSONValue {
    var object = JSONObject()
    object["config"] = config
    for (name, member) in Self.members {
      switch member {
      case .integer(let path, _): object[name] = .integer(self[keyPath: path])
      case .number(let path, _): object[name] = .number(self[keyPath: path])
      }
    }
    object["seed"] = .string(String(seed))
    object["precision"] = .string(precision.rawValue)
    object["order"] = .string(order.rawValue)
    object["optimizer"] = .string(optimizer.rawValue)
    if case .bytePairs(let size, let endOfText) = vocabulary {
      object["vocabulary_size"] = .integer(size)
      object["end_of_text"] = .string(endOfText)
    }
    return .object(object)
  }

  /// Changes one of `settings`; `config.NAME` is a member of the model's `config.json`.
  ///
  /// - Throws: `FormatError` for a name or a value that is none.
  public mutating func set(_ name: String, to text: String) throws(FormatError) {
    func wrong(_ expected: String) -> FormatError {
      FormatError(.malformed, what: "\"\(text)\" for \(name)", place: self.name, expected: expected)
    }
    if let member = Self.members.first(where: { $0.name == name })?.member {
      switch member {
      case .integer(let path, let range):
        guard let value = Int(text), range.contains(value) else {
          throw wrong("a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        self[keyPath: path] = value
      case .number(let path, let range):
        guard let value = Double(text), range.contains(value) else {
          throw wrong("a number from \(range.lowerBound) to \(range.upperBound)")
        }
        self[keyPath: path] = value
      }
      return
    }
    switch name {
    case "seed":
      guard let value = UInt64(text) else { throw wrong("a whole number") }
      seed = value
    case "order":
      guard let value = WindowOrder(rawValue: text) else {
        throw wrong(WindowOrder.allCases.map(\.rawValue).joined(separator: " or "))
      }
      order = value
    case "optimizer":
      guard let value = RecipeOptimizer(rawValue: text) else {
        throw wrong(RecipeOptimizer.allCases.map(\.rawValue).joined(separator: " or "))
      }
      optimizer = value
    case "vocabulary_size":
      guard case .bytePairs(_, let endOfText) = vocabulary, let size = Int(text) else {
        throw wrong("a whole number, and a recipe that learns its vocabulary")
      }
      vocabulary = .bytePairs(size: size, endOfText: endOfText)
    default:
      guard name.hasPrefix("config."), var object = config.object else { throw unknown(name) }
      let key = String(name.dropFirst(7))
      object[key] = (try? JSONValue(parsing: text, place: name)) ?? .string(text)
      config = .object(object)
      changedMembers.append(key)
    }
  }

  /// Checks that the config describes a model, and that its family reads every member that `set` changed:
  /// others would be passed over.
  ///
  /// - Throws: `FormatError` that names the nearest member, and all that are read.
  public func checkConfig() throws(FormatError) {
    var object = config.object ?? JSONObject()
    // How many tokens there are is known from the texts.
    object["vocab_size"] = 1
    let config = JSONValue.object(object)
    let family = try FamilyRegistry.standard.family(for: config, place: name)
    let isBalanced = try family.spec(config, name).slots.contains { $0.training == .byLoad }
    guard isBalanced || balanceSpeed == LoadBalance.usualSpeed else {
      throw FormatError(
        .unsupported, what: "the model has no router whose correction \"balance_speed\" moves",
        place: name)
    }
    let given = vocabulary.givenMembers
    let read = try family.membersRead(of: config, place: name)
    let known = ["model_type"] + read.filter { !given.contains($0) }
    for member in changedMembers where !known.contains(member) {
      let type = config["model_type"]?.text() ?? ""
      let nearest = nearestNames(to: member, among: known)
      throw FormatError(
        .malformed, what: "models of type \(type) read no \"\(member)\" that can be set",
        place: name, expected: "one of \(known.joined(separator: ", "))",
        hint: nearest.isEmpty ? nil : "did you mean \(nearest.joined(separator: " or "))?")
    }
  }

  private func unknown(_ name: String) -> FormatError {
    let names = Self.members.map(\.name) + ["seed", "order", "optimizer", "vocabulary_size"]
    return FormatError(
      .malformed, what: "there is no setting \"\(name)\"", place: self.name,
      expected: names.joined(separator: ", ") + " or config.NAME")
  }
}
