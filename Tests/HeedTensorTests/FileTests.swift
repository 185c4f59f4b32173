import Foundation
import HeedTensor
import Testing

@Suite struct FileTests {
  private func withFolder(_ body: (String) throws -> Void) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder.path)
  }

  private func write(_ bytes: [UInt8], to path: String) throws(FileError) {
    try AtomicFile.write(to: path) { (file) throws(FileError) in try file.append(bytes) }
  }

  @Test("what a symbolic link leads to is replaced, and the link stays")
  func writtenLinks() throws {
    try withFolder { folder in
      let manager = FileManager.default
      try manager.createDirectory(atPath: folder + "/other", withIntermediateDirectories: true)
      try write([1], to: folder + "/other/old")
      // To a file, to another link, to nothing yet.
      for (link, target) in [("a", "other/old"), ("b", "a"), ("c", "other/new")] {
        try manager.createSymbolicLink(atPath: folder + "/" + link, withDestinationPath: target)
      }
      for (link, target, byte) in [("a", "old", 2), ("b", "old", 3), ("c", "new", 4)] {
        try write([UInt8(byte)], to: folder + "/" + link)
        #expect(manager.contents(atPath: folder + "/other/" + target) == Data([UInt8(byte)]))
        let type = try manager.attributesOfItem(atPath: folder + "/" + link)[.type]
        #expect(type as? FileAttributeType == .typeSymbolicLink)
      }
      let names = try manager.contentsOfDirectory(atPath: folder + "/other")
      #expect(names.sorted() == ["new", "old"])
    }
  }

  @Test("a file has its name when it is whole, and none of its own before that")
  func nameless() throws {
    try withFolder { folder in
      func names() -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? ["?"]
      }
      for byte in [UInt8(1), 2] {
        try AtomicFile.write(to: folder + "/a") { (file) throws(FileError) in
          try file.append([byte])
          #expect(names().filter { !$0.hasSuffix(".partial") } == (byte == 1 ? [] : ["a"]))
        }
        #expect(names() == ["a"])
        #expect(FileManager.default.contents(atPath: folder + "/a") == Data([byte]))
      }
      close(open(folder + "/b", O_WRONLY | O_CREAT, 0o644))
      let modes = try ["/a", "/b"].map {
        try FileManager.default.attributesOfItem(atPath: folder + $0)[.posixPermissions] as? Int
      }
      #expect(modes[0] == modes[1])
    }
  }

  @Test("a place where no file can be written is refused before there is anything to write")
  func check() throws {
    try withFolder { folder in
      try AtomicFile.check(folder + "/a")
      for path in [folder, folder + "/no/a", "/dev/null", ""] {
        #expect(throws: FileError.self) { try AtomicFile.check(path) }
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == [])
    }
  }

  @Test("a folder is locked for one, until that one has gone")
  func locks() throws {
    try withFolder { folder in
      do {
        let lock = FolderLock.taken(folder)
        #expect(lock?.isCertain == true && FolderLock.taken(folder) == nil)
        withExtendedLifetime(lock) {}
      }
      #expect(FolderLock.taken(folder) != nil)
      // What is no folder has no lock; whoever writes there is told so by the system.
      #expect(FolderLock.taken(folder + "/no")?.isCertain == false)
    }
  }

  @Test("a pipe and a folder are refused at once, for reading and for writing")
  func noFiles() throws {
    try withFolder { folder in
      let pipe = folder + "/pipe"
      #expect(mkfifo(pipe, 0o600) == 0)
      for path in [pipe, folder, "/dev/null"] {
        #expect(throws: FileError.self) { try MappedFile(path: path) }
        #expect(throws: FileError.self) { try write([1], to: path) }
      }
      let names = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(names == ["pipe"])
    }
    // It still is a device.
    let type = try FileManager.default.attributesOfItem(atPath: "/dev/null")[.type]
    #expect(type as? FileAttributeType == .typeCharacterSpecial)
  }

  @Test("links that lead in a circle are refused; one to a file gives its bytes")
  func links() throws {
    try withFolder { folder in
      try FileManager.default.createSymbolicLink(
        atPath: folder + "/a", withDestinationPath: folder + "/b")
      try FileManager.default.createSymbolicLink(
        atPath: folder + "/b", withDestinationPath: folder + "/a")
      #expect(throws: FileError.self) { try MappedFile(path: folder + "/a") }
      #expect(throws: FileError.self) { try write([1], to: folder + "/a") }
      try write([1, 2], to: folder + "/file")
      try FileManager.default.createSymbolicLink(
        atPath: folder + "/link", withDestinationPath: folder + "/file")
      let file = try MappedFile(path: folder + "/link")
      #expect(file.bytes(in: 0..<2) == [1, 2])
    }
  }
}
