import Foundation
import Heed
import Testing

@Suite("Shipped models")
struct ShippedModelTests {
  @Test(
    "each opens by its name and expects its own kind of text",
    arguments: [
      // A uniform guess would cost ln 65 = 4.2 and ln 4,096 = 8.3 nats a token.
      ("shakespeare", "First Citizen:\nBefore we proceed any further, hear me speak.\n", 2.0),
      ("storyteller", "Once upon a time there was a king who had three sons.", 3.5),
    ])
  func expectations(name: String, text: String, most: Double) throws {
    #expect(
      ShippedModel.named(name).map { FileManager.default.fileExists(atPath: $0.path) } == true)
    let loss = try TextModel(name).evaluate(text).loss
    #expect(loss < most, "\(loss)")
  }
}
