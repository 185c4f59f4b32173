import CHeedKernels

extension Tensor {
  /// The sum of the rows of a matrix `[M, N]`, what a bias gets as its gradient: `[N]`.
  ///
  /// Rows of bfloat16 are added up in float32, in blocks of a fixed size as all sums are.
  package func sumOfRows() -> Tensor {
    guard elementType == .bfloat16 else { return sum(alongAxes: [0]) }
    precondition(rank == 2, "sumOfRows(): \(shape) is no matrix")
    let source = dense()
    let (rows, width) = (shape[0], shape[1])
    let block = Reduction.block
    let sums = Tensor(zeros: [(rows + block - 1) / block, width])
    let (x, y) = (source.halves, sums.mutablePointer(to: Float.self))
    ThreadPool.shared.parallel(sums.shape[0], work: count) { part in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { floats in
        guard let floats = floats.baseAddress else { return }
        let sum = y + part * width
        for row in part * block..<Swift.min(rows, (part + 1) * block) {
          Kernels.table.f32_from_bf16(width, x + row * width, floats)
          Kernels.table.add_f32(width, sum, floats, sum)
        }
      }
    }
    withExtendedLifetime(source) {}
    return sums.sum(alongAxes: [0])
  }
}
