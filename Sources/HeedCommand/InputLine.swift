import Foundation

/// The next line of standard input without its end; nil when there is no more.
///
/// Byte by byte: `readLine` puts U+FFFD where a line is not UTF-8, and a person may write that too.
func readInputLine() throws -> String? {
  var bytes: [UInt8] = []
  var byte = getchar()
  if byte == EOF { return nil }
  while byte != EOF, byte != 0x0A {
    bytes.append(UInt8(truncatingIfNeeded: byte))
    byte = getchar()
  }
  if bytes.last == 0x0D { bytes.removeLast() }
  guard let line = String(validating: bytes, as: UTF8.self) else {
    throw CommandError("standard input is not UTF-8 text")
  }
  return line
}
