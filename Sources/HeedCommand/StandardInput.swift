#if canImport(FoundationEssentials)
  import FoundationEssentials
  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif
#else
  import Foundation
#endif

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

/// A text that was given as an argument; `-` is standard input.
func readText(_ argument: String) throws -> String {
  guard argument == "-" else { return argument }
  var bytes: [UInt8] = []
  var part = [UInt8](repeating: 0, count: 1 << 20)
  while true {
    let count = read(STDIN_FILENO, &part, part.count)
    if count < 0, errno == EINTR { continue }
    guard count >= 0 else { throw CommandError("cannot read standard input") }
    if count == 0 { break }
    bytes += part[..<count]
    // As much as a file of text may have.
    guard bytes.count <= 1 << 30 else { throw CommandError("standard input has more than 1 GB") }
  }
  // Foundation's way leaves out a byte order mark.
  guard let text = String(bytes: bytes, encoding: .utf8) else {
    throw CommandError("standard input is not UTF-8 text")
  }
  return text
}
