#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The right to be the only one who writes into a folder, until it is given up or the process ends, however
/// that is. It leaves nothing in the folder.
package final class FolderLock: Sendable {
  private let descriptor: Int32
  /// Whether nobody else can have it: false where the file system knows no locks.
  package let isCertain: Bool

  private init(descriptor: Int32, isCertain: Bool) {
    self.descriptor = descriptor
    self.isCertain = isCertain
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// The right to write into `folder`; nil while somebody else has it. Some file systems know no locks:
  /// there everybody gets it.
  package static func taken(_ folder: String) -> FolderLock? {
    let descriptor = open(folder, O_RDONLY | O_CLOEXEC)
    let isLocked = descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) == 0
    let isTaken = descriptor >= 0 && !isLocked && errno == EWOULDBLOCK
    let lock = FolderLock(descriptor: descriptor, isCertain: isLocked)
    return isTaken ? nil : lock
  }
}
