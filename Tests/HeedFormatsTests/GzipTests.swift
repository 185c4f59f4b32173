import Foundation
import HeedFormats
import Testing

@Suite("gzip")
struct GzipTests {
  private let story = String(repeating: "to be, or not to be: that is the question. ", count: 3)

  private func bytes(_ hex: String) -> [UInt8] {
    let digits = Array(hex)
    return stride(from: 0, to: digits.count, by: 2).compactMap {
      UInt8(String(digits[$0...$0 + 1]), radix: 16)
    }
  }

  private func text(_ hex: String) throws -> String {
    String(decoding: try Gzip.decompressed(bytes(hex), place: "test"), as: UTF8.self)
  }

  private let stored = "1f8b08000000000000ff010c00f3ff68656c6c6f2c2068656c6c6fffc5ccf30c000000"
  private let fixed =
    "1f8b08000000000000ff2bc957484ad551c82f52c8cb2f512801f1ac144a32124b14328b8174aa4261696a71"
    + "49667e9e1e4492ea4a01cacc058181000000"
  private let named = "1f8b08080000000000ff74616c652e747874002b49cc490500bcf89c7804000000"
  private let dynamic = """
    1f8b08000000000000ff459649aed8380c44f77d8a7f04499c0f94000d04e9fbefda66a9e89d654be413a7f29f\
    7ffffefa593ffffdfe59fffc799ff7fbbcf17cde67c5b3bccf8567ed3d8e85bd8b6358f8bb90fb25faf83d93ef\
    c2afb17a1779bdec76bf17014070f8b521b6de935be0fb5add40a9eb71038634dbc1c6af0d7492671b490e2d17\
    d879f7a652529da652e5578426efd9d35476aee5d35416d7ef692a27d5692a9faf4d1573b6a9622c2354f42b4d\
    55a492a62a320b62b5782541b0166f2c88d66640c4106a928963cd704aa36d61b4256f2e68bfe1b631578a4c3a\
    f114a974665ac1172c03055fb246f4669305a448e7229f229f9ba5a748e8593cdf7c4716ed37dfd175fddb423d\
    90cf9aeff87c6fbe133c6f8282a17d6bbe5353facd27c36728ff4d7e8b5b613c8f8a13dedf5072caf8f8420992\
    cf9b4f82f1f5e69364fcbdf9a4981f57d42cf3e7cda7935f6f3e15e6dfd1a1cafaf0e65367fd78f369b0be023d\
    31e517cd678bd519cd679bc51b680b616d07fa4259fad17c369d118ebe99efcd6735e73144d6d82f3416fde7c2\
    90215f369f1bf9f3a0f378bf6c3e4fde3f9b2f16e39386d6245f365f08e39b685d63fc13bd1bcc4f365f14f357\
    0b738f7cd57c7998ff3a68f61993cd97cefaa9e6cb647d95611a90af9aef71c7efcd57cafaadc4b8607d57f355\
    ae99c4182f1c900bf537937921bf4bb816c42bb96ebeda1cbf0bf365cf885d183022b30313c6744ce41d11e303\
    33e681a43ca089f75042308e9ed9813676a58d7dfbd8e905b221abc801e1904f0c201d62363bd0cb916303cdb2\
    ce7841b73ce384ca8576d121bd22123a3b202395b4412139f472d832e48098d8d4f0869c587d3b025df1d9b8da\
    fb7941df7c1c9015af2185b0c47717484bd8dc16da125f3c202eb926625097fc620a79499ba8435ff2cb0b04a6\
    f6640e0a535f6e2131cfc49b1f0090ce1223d20fd768710dae51a24226a504d2233466db9e1d28d15c63022af3\
    74035f40666498aece78f15e5768bef8426944c606a4e619fdf402ad911a0ee3302729d4466dee02b9797e4ac6\
    46621e4f3420384f3591038a6331a4901c7f8a992f3033556903a2f3fcbed08bdfa959e480ec840e297427c266\
    0712bf726c2426df192ff8ef092347dc3f9f2185f894caec68d28aa40dc8cf39f3fb777fcb8805f9a9f119f7f7\
    e7db80d4fb6721ef30e2c08c9b7a215532f5bc59de196ab303a9d7f9c1850a3d93855e2043fad4045f20f536a4\
    10a247b7670794f2f8d840ea5dc70b7a7e6d72408c5c86146ae44f4bf3057a7e533e37f4e84923bd4090a2841c\
    c59e2729242963cf0e68d223057c819eb71121aad293e9ff01e5a415e99e0c0000
    """

  @Test("blocks that are stored, of fixed codes and of their own codes are read")
  func kinds() throws {
    #expect(try text(stored) == "hello, hello")
    #expect(try text(fixed) == story)
    let own = try text(dynamic)
    #expect(own.hasPrefix("line 0 of 0\n") && own.hasSuffix("line 199 of 9898\n"))
    #expect(own == (0..<200).map { "line \($0) of \($0 * $0 % 9901)\n" }.joined())
  }

  @Test("members follow each other, and a header may have a name")
  func members() throws {
    #expect(try text(named + stored) == "tale" + "hello, hello")
    #expect(Gzip.isCompressed(bytes(named)) && !Gzip.isCompressed(Array("tale".utf8)))
  }

  @Test("a file that is cut off anywhere is refused")
  func cutOff() {
    for hex in [stored, fixed, named, dynamic] {
      let whole = bytes(hex)
      for count in 0..<whole.count {
        #expect(throws: FormatError.self) {
          try Gzip.decompressed(Array(whole[..<count]), place: "test")
        }
      }
    }
  }

  @Test("a changed bit is an error, or one of those that fill up a byte")
  func damaged() throws {
    for hex in [stored, fixed, dynamic] {
      let whole = bytes(hex)
      let content = try Gzip.decompressed(whole, place: "test")
      for place in 10..<whole.count {
        for flip in [UInt8(1), 16, 128] {
          var changed = whole
          changed[place] ^= flip
          let got = try? Gzip.decompressed(changed, place: "test", maximumByteCount: 1 << 20)
          #expect(got == nil || got == content)
        }
      }
    }
  }

  @Test("more bytes than are allowed are refused before they are there")
  func limit() {
    let error = #expect(throws: FormatError.self) {
      try Gzip.decompressed(bytes(fixed), place: "test", maximumByteCount: 100)
    }
    #expect(error?.code == .limit)
  }

  @Test("text files are read plain and compressed; what is no UTF-8 is refused")
  func textFiles() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
      .path
    defer { try? FileManager.default.removeItem(atPath: path) }
    for (content, wanted) in [(bytes(stored), "hello, hello"), (Array("H\u{F6}he".utf8), "Höhe")] {
      try Data(content).write(to: URL(fileURLWithPath: path))
      #expect(try TextFile.text(at: path) == wanted)
    }
    try Data([0x61, 0xFF]).write(to: URL(fileURLWithPath: path))
    #expect(throws: FormatError.self) { try TextFile.text(at: path) }
  }
}
