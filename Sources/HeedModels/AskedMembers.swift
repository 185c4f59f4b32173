import Synchronization

/// The members that a `ConfigReader` was asked for, whether they were there or not.
final class AskedMembers: Sendable {
  private struct Asked {
    var names: [String] = []
    var known: Set<String> = []
  }

  private let asked = Mutex(Asked())

  /// Their names, each once, in the order of the questions.
  var names: [String] { asked.withLock { $0.names } }

  func add(_ name: String) {
    asked.withLock { if $0.known.insert(name).inserted { $0.names.append(name) } }
  }
}
