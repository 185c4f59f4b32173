import Foundation
import HeedFormats
import HeedModels
import HeedTensor
import HeedTestSupport
import Testing

@Suite("Experts apart")
struct ExpertsApartTests {
  private let ids = [[3, 1, 4, 1, 5, 9, 2]]

  @Test("the first files of Mixtral have tensors for each expert, and are read")
  func expertsApart() throws {
    let (_, _, parameters) = try smallParameters(SmallConfig.mixtral)
    try withModelFolder(SmallConfig.mixtral, parameters) { folder in
      let (path, old) = (folder + "/model.gguf", folder + "/old.gguf")
      try ModelConversion.convert(folder, to: path, type: .f32)
      let file = try GGUFFile(path: path)
      var tensors: [GGUFTensor] = []
      for name in file.tensorNames {
        let tensor = try file.tensor(named: name)
        guard name.contains("_exps.") else {
          tensors.append(
            GGUFTensor(name, shape: tensor.shape, type: .elements(.float32)) { tensor })
          continue
        }
        for expert in 0..<tensor.shape[0] {
          let part = tensor.sliced(axis: 0, range: expert..<expert + 1)
            .reshaped(to: Array(tensor.shape.dropFirst()))
          tensors.append(
            GGUFTensor(
              name.replacing("_exps.", with: ".\(expert)."), shape: part.shape,
              type: .elements(.float32)
            ) { part })
        }
      }
      try GGUFFile.write(metadata: file.metadata, tensors: tensors, to: old)
      let want = try LanguageModel(folder: folder).logits(ids)
      #expect(bits(try LanguageModel(path: old).logits(ids)) == bits(want))
      try ModelConversion.convert(old, to: folder + "/made", type: .f32)
      #expect(bits(try LanguageModel(folder: folder + "/made").logits(ids)) == bits(want))
    }
  }
}
