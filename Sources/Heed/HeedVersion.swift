/// Which Heed this is.
public enum HeedVersion {
  /// The newest heading of CHANGELOG.md, in lower case.
  public static let current = "unreleased"
}
