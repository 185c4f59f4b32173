public import HeedFormats
public import HeedTensor

/// Computes what a reference case asks for.
///
/// A runner only computes; comparing is the verifier's. It gives a result for every name in
/// `outputs` that it knows. A name that it does not give is reported as not compared.
public protocol CaseRunner: Sendable {
  /// The results by name.
  ///
  /// - Throws: `Unsupported` for a case that is out of its reach; any other error is a failure.
  func results(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: Tensor]

  /// The results that are no tensors, such as texts and ids, by name. They have to be equal.
  ///
  /// - Throws: as `results`.
  func values(of referenceCase: ReferenceCase, in file: ReferenceFile) throws -> [String: JSONValue]

  /// A runner for all cases of one file, with the work that they share done.
  ///
  /// - Throws: what makes every case of the file fail.
  func prepared(for file: ReferenceFile) throws -> any CaseRunner
}

extension CaseRunner {
  /// No tensors.
  public func results(
    of referenceCase: ReferenceCase, in file: ReferenceFile
  ) throws -> [String: Tensor] { [:] }

  /// Nothing but tensors.
  public func values(
    of referenceCase: ReferenceCase, in file: ReferenceFile
  ) throws -> [String: JSONValue] { [:] }

  /// The runner itself: nothing is shared.
  public func prepared(for file: ReferenceFile) throws -> any CaseRunner { self }
}

/// A case that Heed cannot run yet. Reported by name, never as a success.
public struct Unsupported: Error, Sendable, Equatable, CustomStringConvertible {
  /// What is missing.
  public let what: String

  /// Names what is missing.
  public init(_ what: String) { self.what = what }

  /// The text for people.
  public var description: String { what }
}

/// Which runner runs which cases: a value, so that a user can add to it.
///
/// A key is "family/case", "family", or "kind:KIND"; the most exact one wins.
public struct RunnerRegistry: Sendable {
  /// The runners by key.
  public var runners: [String: any CaseRunner]

  /// A registry of the given runners.
  public init(_ runners: [String: any CaseRunner] = [:]) { self.runners = runners }

  /// The runner of a file, if there is one.
  public func runner(for file: ReferenceFile) -> (any CaseRunner)? {
    runners[file.name] ?? runners[file.family] ?? runners["kind:\(file.kind)"]
  }
}
