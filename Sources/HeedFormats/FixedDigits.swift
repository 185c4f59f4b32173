#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A number with a fixed count of digits behind the point, correctly rounded, as C prints it.
///
/// - Parameter isSigned: whether there is a sign before positive numbers too.
package func fixed(
  _ number: some BinaryFloatingPoint, _ digits: Int, isSigned: Bool = false
) -> String {
  // The largest double has 309 digits before the point.
  var text = [CChar](repeating: 0, count: 320 + digits)
  _ = withVaList([Int32(digits), Double(number)]) {
    vsnprintf(&text, text.count, isSigned ? "%+.*f" : "%.*f", $0)
  }
  return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
