#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The environment variables that operations obey: `HEED_KERNELS` names the instruction set,
/// `HEED_THREADS` the number of threads.
public enum ComputeEnvironment {
  /// Checks both variables before they are used. A program that does not trust its environment calls it
  /// first: the first operation ends the process when there is no such instruction set, and a number of
  /// threads that is none counts as absent.
  ///
  /// - Throws: `EnvironmentError` that says what the variable may be.
  public static func check() throws(EnvironmentError) {
    if let name = value(of: "HEED_KERNELS"), !Kernels.available.contains(name) {
      throw EnvironmentError(
        variable: "HEED_KERNELS", value: name,
        expected: "an instruction set of this processor: "
          + Kernels.available.joined(separator: ", "))
    }
    if let text = value(of: "HEED_THREADS"), threadCount == nil {
      throw EnvironmentError(
        variable: "HEED_THREADS", value: text,
        expected: "a whole number from 1 to \(mostThreads)")
    }
  }

  /// Threads of one operation at most.
  static let mostThreads = 256

  /// What `HEED_THREADS` says; nil where it says nothing that can be.
  static var threadCount: Int? {
    value(of: "HEED_THREADS").flatMap { Int($0) }
      .flatMap { (1...mostThreads).contains($0) ? $0 : nil }
  }

  static func value(of variable: String) -> String? { getenv(variable).map { String(cString: $0) } }
}

/// An environment variable has a value that cannot be honoured.
public struct EnvironmentError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Its name.
  public let variable: String
  /// What it is.
  public let value: String
  /// What it may be.
  public let expected: String

  /// The text for people.
  public var description: String { "\(variable) is \"\(value)\"; expected \(expected)" }
}
