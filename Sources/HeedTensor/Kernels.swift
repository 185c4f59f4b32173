package import CHeedKernels

/// The instruction set that operations run on.
public enum Kernels {
  /// The table in use: the best of this processor, or the one that `HEED_KERNELS` names. A name that is
  /// none ends the process: numbers of another table would be other numbers. See
  /// `ComputeEnvironment.check()`.
  package static let table: heed_kernels = {
    let forced = ComputeEnvironment.value(of: "HEED_KERNELS")
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
