package import CHeedKernels

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The instruction set that operations run on.
public enum Kernels {
  /// The table in use: the best of this processor, or the one that `HEED_KERNELS` names.
  package static let table: heed_kernels = {
    let forced = getenv("HEED_KERNELS").map { String(cString: $0) }
    guard let table = heed_kernels_select(forced) else {
      preconditionFailure(
        "HEED_KERNELS=\(forced ?? "") names no instruction set of this processor; there are "
          + available.joined(separator: ", "))
    }
    return table.pointee
  }()

  /// Names of the instruction sets that this processor can run, the plain one first.
  public static let available: [String] = {
    var names: [String] = []
    while let name = heed_kernels_available(Int32(names.count)) {
      names.append(String(cString: name))
    }
    return names
  }()

  /// Name of the instruction set in use.
  public static var name: String { String(cString: table.name) }
}
