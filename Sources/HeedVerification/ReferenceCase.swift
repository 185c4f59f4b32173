public import HeedFormats
public import HeedTensor

/// One check: inputs, and what has to come out of them.
public struct ReferenceCase: Sendable {
  /// "family/case/name".
  public let name: String
  /// The settings of the operator, or the keyword arguments of the run.
  public let attributes: JSONValue
  /// The entry as it stands in the description, for what is particular to a kind.
  public let entry: JSONValue
  /// Tensors by name; members of lists have dotted names ("hidden_states.0").
  public let inputs: [String: Tensor]
  /// The expected tensors by name.
  public let outputs: [String: Tensor]
  /// How far from the expected a result may be.
  public let tolerance: Tolerance
  /// Expected results that are no tensors: texts, ids, tokens. They have to be equal.
  var values: [String: JSONValue] = [:]
  /// Other tolerances for the results of a group: the part of the name before the first dot.
  var groupTolerances: [String: Tolerance] = [:]

  /// How far the result of this name may be from the expected.
  func tolerance(of output: String) -> Tolerance {
    let group = output.prefix { $0 != "." }
    return groupTolerances[String(group)] ?? tolerance
  }

  /// An input that has to be there.
  public func input(_ name: String) throws -> Tensor {
    guard let tensor = inputs[name] else {
      throw FormatError(.missing, what: "no input \"\(name)\"", place: self.name)
    }
    return tensor
  }

  /// The case with its floating-point inputs in another type, and those expected results whose name
  /// ends with `outputSuffix`, without it.
  func converted(to elementType: ElementType, outputSuffix: String) -> ReferenceCase {
    ReferenceCase(
      name: name, attributes: attributes, entry: entry,
      inputs: inputs.mapValues {
        $0.elementType.isFloatingPoint ? $0.converted(to: elementType) : $0
      },
      outputs: Dictionary(
        outputs.filter { $0.key.hasSuffix(outputSuffix) }
          .map { (String($0.key.dropLast(outputSuffix.count)), $0.value) }
      ) { given, _ in given }, tolerance: tolerance,
      groupTolerances: groupTolerances)
  }

  /// True when a result of this name is asked for.
  public func wants(_ name: String) -> Bool { outputs[name] != nil }

  /// A setting as a number.
  public func number(_ key: String) -> Double? { attributes[key]?.number }

  /// A setting as a whole number.
  public func integer(_ key: String) -> Int? { attributes[key]?.integer }

  /// A setting as a truth value; 1 counts as true.
  public func flag(_ key: String) -> Bool {
    attributes[key]?.bool ?? (attributes[key]?.integer.map { $0 != 0 } ?? false)
  }

  /// A setting as a string.
  public func text(_ key: String) -> String? { attributes[key]?.string }
}

/// How far a result may be from the expected value: `atol + rtol * |expected|`.
public struct Tolerance: Sendable, Hashable {
  /// The part that does not depend on the value.
  public var absolute: Double
  /// The part in proportion to the value.
  public var relative: Double

  /// A tolerance of two parts.
  public init(absolute: Double, relative: Double) {
    self.absolute = absolute
    self.relative = relative
  }

  /// `{"atol": a, "rtol": r}`; exact where nothing is said.
  public init(_ value: JSONValue?) {
    self.init(absolute: value?["atol"]?.number ?? 0, relative: value?["rtol"]?.number ?? 0)
  }
}
