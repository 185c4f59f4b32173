// A program of ONNX nodes on scores, as `ScoreExpression`: nodes are walked in order with the values
// that they can have in such programs (the scores, their shape, numbers, ranges over queries and
// keys). Nothing here computes scores; the expression does, inside the fused attention.

import HeedAttention
import HeedFormats

/// The nodes of `score_mod` of ONNX `FlexAttention`.
struct OnnxScoreProgram {
  /// What a name of the program stands for.
  private enum Value {
    /// A number for each query and key.
    case scores(ScoreExpression)
    /// The shape of the scores.
    case shape
    /// One dimension of it.
    case dimension(Int)
    case number(Double)
    case list([Int])
    /// 0, 1, ... for as many numbers as a dimension has.
    case range(dimension: Int)
  }

  /// What the program computes.
  let expression: ScoreExpression

  init(_ program: JSONValue) throws {
    var values: [String: Value] = [:]
    for (name, constant) in program["constants"]?.object?.members ?? [] {
      if let number = constant.number { values[name] = .number(number) }
      if let list = constant.array { values[name] = .list(list.compactMap(\.integer)) }
    }
    for name in program["inputs"]?.array ?? [] { values[name.string ?? ""] = .scores(.score) }
    for node in program["subgraph"]?.array ?? [] {
      let inputs = try (node["inputs"]?.array ?? []).map { name in
        guard let value = values[name.string ?? ""] else {
          throw Unsupported("the value \(name.text()) in a program of ONNX nodes")
        }
        return value
      }
      guard let output = node["outputs"]?.array?.first?.string else { continue }
      values[output] = try Self.value(of: node["op"]?.string ?? "", inputs)
    }
    guard let name = program["outputs"]?.array?.first?.string,
      case .scores(let scores) = values[name]
    else { throw Unsupported("a program of ONNX nodes without scores as its result") }
    expression = scores
  }

  private static func value(of operation: String, _ inputs: [Value]) throws -> Value {
    let refusal = Unsupported("the ONNX node \(operation) of these inputs in a program on scores")
    switch (operation, inputs.count) {
    case ("Add", 2), ("Sub", 2), ("Mul", 2), ("Div", 2):
      let (left, right) = (try scores(inputs[0], refusal), try scores(inputs[1], refusal))
      switch operation {
      case "Add": return .scores(left + right)
      case "Sub": return .scores(left - right)
      case "Mul": return .scores(left * right)
      default: return .scores(left / right)
      }
    case ("Tanh", 1): return .scores(.hyperbolicTangent(try scores(inputs[0], refusal)))
    case ("Exp", 1): return .scores(.exponential(try scores(inputs[0], refusal)))
    case ("Abs", 1): return .scores(.absolute(try scores(inputs[0], refusal)))
    case ("Cast", 1): return inputs[0]
    case ("Shape", 1):
      if case .scores = inputs[0] { return .shape }
    case ("Gather", 2):
      if case (.shape, .number(let axis)) = (inputs[0], inputs[1]) { return .dimension(Int(axis)) }
    case ("Range", 3):
      if case (.number(let start), .dimension(let axis), .number(let step)) =
        (inputs[0], inputs[1], inputs[2]), start == 0, step == 1
      {
        return .range(dimension: axis)
      }
    case ("Reshape", 2):
      // A column of queries or a row of keys.
      if case (.range(let axis), .list(let shape)) = (inputs[0], inputs[1]) {
        if axis == 2 && shape == [-1, 1] { return .scores(.query) }
        if axis == 3 && shape == [1, -1] { return .scores(.key) }
      }
    default: break
    }
    throw refusal
  }

  private static func scores(_ value: Value, _ refusal: Unsupported) throws -> ScoreExpression {
    switch value {
    case .scores(let scores): return scores
    case .number(let number): return .constant(Float(number))
    default: throw refusal
    }
  }
}
