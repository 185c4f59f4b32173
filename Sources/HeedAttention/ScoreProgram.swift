/// What one step of a `ScoreProgram` does with its inputs.
@usableFromInline
enum ScoreOperation: Hashable, Sendable {
  case score, query, key, head, batch
  /// By its bits, so that zeros of both signs and all not-a-numbers stay what they are.
  case constant(bits: UInt32)
  case sum, difference, product, quotient, minimum, maximum
  case hyperbolicTangent, exponential, logarithm, squareRoot, absolute
  case selection
}

/// A `ScoreExpression` as a list of steps, each after its inputs; equal operations on equal inputs are
/// one step. Values lie in slots, which are used again as soon as nobody reads them any more: a chain
/// of any length needs two, and they stay in the first cache.
@usableFromInline
struct ScoreProgram: Hashable {
  @usableFromInline
  struct Step: Hashable {
    @usableFromInline let operation: ScoreOperation
    /// Where its inputs lie, as many as it has; zeros behind them.
    @usableFromInline fileprivate(set) var inputs: SIMD4<UInt32>
    /// Where its value goes, perhaps over one of its inputs.
    @usableFromInline fileprivate(set) var slot: UInt32 = 0
  }

  /// The last one has the result.
  @usableFromInline let steps: UnsafeMutableBufferPointer<Step>
  @usableFromInline let slotCount: Int

  /// The steps of `root` in memory of their own.
  static func allocate(_ root: ScoreExpression.Node) -> UnsafePointer<ScoreProgram> {
    let (steps, slotCount) = inSlots(numbered(root))
    let copy = UnsafeMutableBufferPointer<Step>.allocate(capacity: steps.count)
    _ = copy.initialize(from: steps)
    let program = UnsafeMutablePointer<ScoreProgram>.allocate(capacity: 1)
    program.initialize(to: ScoreProgram(steps: copy, slotCount: slotCount))
    return UnsafePointer(program)
  }

  static func free(_ program: UnsafePointer<ScoreProgram>) {
    program.pointee.steps.deallocate()
    program.deallocate()
  }

  @usableFromInline
  static func == (left: Self, right: Self) -> Bool { left.steps.elementsEqual(right.steps) }

  @usableFromInline
  func hash(into hasher: inout Hasher) {
    for step in steps { hasher.combine(step) }
  }

  /// The value of the last step.
  @inlinable
  func changed<S: ScoreScalar>(_ score: S, at place: ScorePlace<S>) -> S {
    withUnsafeTemporaryAllocation(of: S.self, capacity: slotCount) { slots in
      slots.initialize(repeating: score)
      defer { slots.deinitialize() }
      var result = score
      for step in steps {
        result = Self.value(of: step, slots, score, place)
        slots[Int(step.slot)] = result
      }
      return result
    }
  }

  @inlinable
  static func value<S: ScoreScalar>(
    of step: Step, _ slots: UnsafeMutableBufferPointer<S>, _ score: S, _ place: ScorePlace<S>
  ) -> S {
    var first: S { slots[Int(step.inputs[0])] }
    var second: S { slots[Int(step.inputs[1])] }
    return switch step.operation {
    case .score: score
    case .query: place.query
    case .key: place.key
    case .head: S(Float(place.head))
    case .batch: S(Float(place.batch))
    case .constant(let bits): S(Float(bitPattern: bits))
    case .sum: first + second
    case .difference: first - second
    case .product: first * second
    case .quotient: first / second
    case .hyperbolicTangent: first.hyperbolicTangent
    case .exponential: first.exponential
    case .logarithm: first.logarithm
    case .squareRoot: first.squareRoot
    case .minimum: first.minimum(second)
    case .maximum: first.maximum(second)
    case .absolute: first.absolute
    case .selection:
      first.selecting(
        slots[Int(step.inputs[2])], whereLessThan: second,
        otherwise: slots[Int(step.inputs[3])])
    }
  }

  /// The steps of `root`, inputs before what reads them, left ones first; inputs are numbers of steps.
  ///
  /// - Returns: a step and how many inputs it has.
  private static func numbered(_ root: ScoreExpression.Node) -> [(step: Step, inputCount: Int)] {
    var steps: [(Step, Int)] = []
    var numbers: [ObjectIdentifier: UInt32] = [:]
    var equals: [Step: UInt32] = [:]
    var waiting = [root]
    while let node = waiting.last {
      let missing = node.inputs.filter { numbers[ObjectIdentifier($0)] == nil }
      guard missing.isEmpty else {
        waiting += missing.reversed()
        continue
      }
      waiting.removeLast()
      var step = Step(operation: node.operation, inputs: .zero)
      for (place, input) in node.inputs.enumerated() {
        step.inputs[place] = numbers[ObjectIdentifier(input)] ?? 0
      }
      let number = equals[step] ?? UInt32(steps.count)
      numbers[ObjectIdentifier(node)] = number
      guard number == steps.count else { continue }
      equals[step] = number
      steps.append((step, node.inputs.count))
    }
    return steps
  }

  /// The same steps with slots for numbers.
  private static func inSlots(
    _ numbered: [(step: Step, inputCount: Int)]
  ) -> (steps: [Step], slotCount: Int) {
    var lastReaders = [Int](repeating: numbered.count, count: numbered.count)
    for (number, (step, inputCount)) in numbered.enumerated() {
      for place in 0..<inputCount { lastReaders[Int(step.inputs[place])] = number }
    }
    var steps: [Step] = []
    steps.reserveCapacity(numbered.count)
    var free: [UInt32] = []
    var slotCount = 0
    for (number, (step, inputCount)) in numbered.enumerated() {
      var placed = step
      for place in 0..<inputCount {
        let input = Int(step.inputs[place])
        placed.inputs[place] = steps[input].slot
        guard lastReaders[input] == number else { continue }
        lastReaders[input] = numbered.count  // So that an input that is read twice is freed once.
        free.append(steps[input].slot)
      }
      if let slot = free.popLast() {
        placed.slot = slot
      } else {
        placed.slot = UInt32(slotCount)
        slotCount += 1
      }
      steps.append(placed)
    }
    return (steps, slotCount)
  }
}
