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

  private init(descriptor: Int32) { self.descriptor = descriptor }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// The right to write into `folder`; nil while somebody else has it. Some file systems know no locks:
  /// there everybody gets it.
  package static func taken(_ folder: String) -> FolderLock? {
    let lock = FolderLock(descriptor: open(folder, O_RDONLY | O_CLOEXEC))
    if lock.descriptor >= 0, flock(lock.descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
      return nil
    }
    return lock
  }
}
