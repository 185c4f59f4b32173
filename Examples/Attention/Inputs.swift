import HeedTensor

/// Queries, keys and values of two sequences: 8 heads on 2 key/value heads of 64 channels.
let (q, k, v): (Tensor, Tensor, Tensor) = {
  var generator = RandomGenerator(seed: 1)
  return (
    generator.normal([2, 8, 300, 64]), generator.normal([2, 2, 300, 64]),
    generator.normal([2, 2, 300, 64])
  )
}()

/// Activations, a weight of 10 classes, and the classes that are right.
let (x, weight, ids): (Tensor, Tensor, Tensor) = {
  var generator = RandomGenerator(seed: 2)
  let classes = (0..<32).map { Int64($0 % 10) }
  return (generator.normal([32, 64]), generator.normal([10, 64]), Tensor(classes))
}()
