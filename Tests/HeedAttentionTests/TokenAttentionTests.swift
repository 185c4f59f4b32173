import HeedAttention
import HeedTensor
import Synchronization
import Testing

@Suite("Attention of a generated token")
struct TokenAttentionTests {
  @Test(
    "one thread, the pool and a team give the same bits",
    arguments: [ElementType.float32, .bfloat16])
  func threads(type: ElementType) throws {
    let (groups, width, keys) = (16, 64, 700)
    func numbers(_ shape: [Int], _ seed: Int) -> Tensor {
      let count = shape.reduce(1, *)
      return Tensor(
        (0..<count).map { Float(($0 * 7919 + seed * 104_729) % 1009) / 504.5 - 1 }, shape: shape)
    }
    var cache = KeyValueCache(elementType: type)
    cache.append(
      keys: numbers([1, groups, keys, width], 1), values: numbers([1, groups, keys, width], 2))
    let last = numbers([groups * width], 4)
    let seen = [CachedRows](unsafeUninitializedCapacity: 1) { rows, count in
      guard let row = rows.baseAddress else { return }
      cache.claimRow(batch: 1, groups: groups, width: width, valueWidth: width, to: row)
      count = 1
    }
    let queries = numbers([groups * width], 3)
    let attention = TokenAttention(
      heads: groups, groups: groups, width: width, valueWidth: width, scale: nil)
    func run(_ threads: ((ThreadTeam.Member) -> Void) -> Void) -> [UInt32] {
      let context = Tensor(zeros: [groups * width])
      let memory = Tensor(zeros: [8 * attention.byteCount], .uint8)
      let isBroken = UnsafeMutablePointer<Atomic<Bool>>.allocate(capacity: 1)
      isBroken.initialize(to: Atomic(false))
      defer { isBroken.deallocate() }
      seen.withUnsafeBufferPointer { seen in
        guard let seen = seen.baseAddress else { return }
        threads { member in
          var member = member
          attention(
            queries: queries.pointer(to: Float.self), stride: groups * width, seen: seen, rows: 1,
            precision: .float32,
            memory: UnsafeMutableRawPointer(mutating: memory.rawPointer)
              + member.index % 8 * attention.byteCount,
            prepare: { row, group in
              seen[row].writeLast(
                group, keys: last.pointer(to: Float.self), values: last.pointer(to: Float.self))
            }, follower: nil, isBroken: isBroken, by: &member,
            to: context.mutablePointer(to: Float.self))
        }
      }
      withExtendedLifetime((queries, memory, cache, last)) {}
      let broken = isBroken.pointee.load(ordering: .relaxed)
      #expect(!broken)
      return context.elements(as: Float.self).map(\.bitPattern)
    }
    let want = ThreadPool.withThreadCount(1) { run { $0(.alone) } }
    for _ in 0..<50 {
      #expect(run { $0(.alone) } == want)
      #expect(ThreadPool.withThreadCount(4) { run { ThreadPool.shared.together($0) } } == want)
    }
  }
}
