/// Sixteen scores of neighbouring keys.
@frozen
public struct ScoreLanes: ScoreScalar {
  @usableFromInline var lanes: SIMD16<Float>

  @inlinable
  init(lanes: SIMD16<Float>) { self.lanes = lanes }

  /// The same number in every lane.
  @inlinable
  public init(_ value: Float) { lanes = SIMD16(repeating: value) }

  /// Sum, lane by lane.
  @inlinable
  public static func + (left: Self, right: Self) -> Self { Self(lanes: left.lanes + right.lanes) }
  /// Difference, lane by lane.
  @inlinable
  public static func - (left: Self, right: Self) -> Self { Self(lanes: left.lanes - right.lanes) }
  /// Product, lane by lane.
  @inlinable
  public static func * (left: Self, right: Self) -> Self { Self(lanes: left.lanes * right.lanes) }
  /// Quotient, lane by lane.
  @inlinable
  public static func / (left: Self, right: Self) -> Self { Self(lanes: left.lanes / right.lanes) }

  /// tanh of each lane, to 2 ulp.
  @inlinable
  public var hyperbolicTangent: Self { Self(lanes: Self.hyperbolicTangent(lanes)) }
  /// e to the power of each lane, to 1.4 ulp.
  @inlinable
  public var exponential: Self { Self(lanes: Self.exponential(lanes)) }
  /// The natural logarithm of each lane, to 1 ulp; not-a-number below zero.
  @inlinable
  public var logarithm: Self { Self(lanes: Self.logarithm(lanes)) }
  /// The square root of each lane, rounded correctly; not-a-number below zero.
  @inlinable
  public var squareRoot: Self { Self(lanes: lanes.squareRoot()) }
  /// The distance of each lane from zero.
  @inlinable
  public var absolute: Self {
    let bits = unsafeBitCast(lanes, to: SIMD16<UInt32>.self) & 0x7fff_ffff
    return Self(lanes: unsafeBitCast(bits, to: SIMD16<Float>.self))
  }

  /// `yes` in the lanes that are less than those of `other`, `no` elsewhere.
  @inlinable
  public func selecting(_ yes: Self, whereLessThan other: Self, otherwise no: Self) -> Self {
    Self(lanes: Self.select(lanes .< other.lanes, yes.lanes, no.lanes))
  }

  /// What a table holds at each lane's column.
  @inlinable
  public static func reading(
    _ tables: ScoreTables, table: Int, row: Int, column: Self
  ) -> Self {
    Self(lanes: tables.values(table: table, row: row, columns: column.lanes))
  }
}

/// Sixteen scores and how fast each grows with one variable (forward-mode derivative): the score that
/// went in, or what was read from a table.
@frozen
public struct DualScoreLanes: ScoreScalar {
  @usableFromInline var value: ScoreLanes
  @usableFromInline var slope: ScoreLanes

  @inlinable
  init(value: ScoreLanes, slope: ScoreLanes) {
    self.value = value
    self.slope = slope
  }

  /// The same number in every lane.
  @inlinable
  public init(_ value: Float) { self.init(value: ScoreLanes(value), slope: ScoreLanes(0)) }

  /// Sum, lane by lane.
  @inlinable
  public static func + (left: Self, right: Self) -> Self {
    Self(value: left.value + right.value, slope: left.slope + right.slope)
  }
  /// Difference, lane by lane.
  @inlinable
  public static func - (left: Self, right: Self) -> Self {
    Self(value: left.value - right.value, slope: left.slope - right.slope)
  }
  /// Product, lane by lane.
  @inlinable
  public static func * (left: Self, right: Self) -> Self {
    Self(
      value: left.value * right.value,
      slope: left.slope * right.value + left.value * right.slope)
  }
  /// Quotient, lane by lane.
  @inlinable
  public static func / (left: Self, right: Self) -> Self {
    let quotient = left.value / right.value
    return Self(value: quotient, slope: (left.slope - quotient * right.slope) / right.value)
  }

  /// tanh of each lane.
  @inlinable
  public var hyperbolicTangent: Self {
    let tangent = value.hyperbolicTangent
    return Self(value: tangent, slope: slope * (ScoreLanes(1) - tangent * tangent))
  }
  /// e to the power of each lane.
  @inlinable
  public var exponential: Self {
    let power = value.exponential
    return Self(value: power, slope: slope * power)
  }
  /// The natural logarithm of each lane.
  @inlinable
  public var logarithm: Self { Self(value: value.logarithm, slope: slope / value) }
  /// The square root of each lane.
  @inlinable
  public var squareRoot: Self {
    let root = value.squareRoot
    return Self(value: root, slope: slope * ScoreLanes(0.5) / root)
  }
  /// The distance of each lane from zero.
  @inlinable
  public var absolute: Self {
    Self(
      value: value.absolute,
      slope: value.selecting(ScoreLanes(0) - slope, whereLessThan: ScoreLanes(0), otherwise: slope))
  }

  /// `yes` in the lanes that are less than those of `other`, `no` elsewhere.
  @inlinable
  public func selecting(_ yes: Self, whereLessThan other: Self, otherwise no: Self) -> Self {
    Self(
      value: value.selecting(yes.value, whereLessThan: other.value, otherwise: no.value),
      slope: value.selecting(yes.slope, whereLessThan: other.value, otherwise: no.slope))
  }

  /// What a table holds at each lane's column: a constant for the score, and the variable itself while
  /// the table's own gradient is computed.
  @inlinable
  public static func reading(
    _ tables: ScoreTables, table: Int, row: Int, column: Self
  ) -> Self {
    let values = tables.values(table: table, row: row, columns: column.value.lanes)
    let slope = tables.slope(table: table, row: row, columns: column.value.lanes)
    return Self(value: ScoreLanes(lanes: values), slope: ScoreLanes(slope))
  }
}
