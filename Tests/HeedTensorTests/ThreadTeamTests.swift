import HeedTensor
import Synchronization
import Testing

@Suite("Teams of threads")
struct ThreadTeamTests {
  @Test(
    "each part of each share is done once, and seen by all before the next", arguments: [1, 2, 5])
  func shares(threads: Int) {
    let shares = 300
    let most = 17
    let counts = Tensor(zeros: [shares, most], .int64)
    let times = counts.mutablePointer(to: Int64.self)
    let members = Atomic<Int>(0)
    let missed = Atomic<Int>(0)
    ThreadPool.withThreadCount(threads) {
      ThreadPool.shared.together { member in
        members.add(1, ordering: .relaxed)
        var member = member
        for share in 0..<shares {
          let parts = share % (most + 1)
          member.share(parts) { part in
            // Some parts take longer, so that others take what is left.
            let rounds = (share + part) % 5 == 0 ? 2000 : 1
            let work = Atomic<Int>(0)
            for _ in 0..<rounds { work.add(1, ordering: .sequentiallyConsistent) }
            times[share * most + part] += Int64(work.load(ordering: .relaxed) / rounds)
          }
          let seen = (0..<parts).allSatisfy { times[share * most + $0] == 1 }
          if !seen { missed.add(1, ordering: .relaxed) }
        }
      }
    }
    #expect(missed.load(ordering: .relaxed) == 0)
    #expect((1...threads).contains(members.load(ordering: .relaxed)))
    let want = (0..<shares).flatMap { share in
      (0..<most).map { Int64($0 < share % (most + 1) ? 1 : 0) }
    }
    #expect(counts.elements(as: Int64.self) == want)
  }

  @Test("a team within a team, or beside one, is one thread")
  func nested() {
    let inner = Atomic<Int>(0)
    let outer = Atomic<Int>(0)
    ThreadPool.shared.together { _ in
      outer.add(1, ordering: .relaxed)
      ThreadPool.shared.together { member in
        var member = member
        member.share(3) { _ in inner.add(1, ordering: .relaxed) }
      }
    }
    #expect(inner.load(ordering: .relaxed) == 3 * outer.load(ordering: .relaxed))
  }

  @Test("teams and jobs of several callers do not get into each other's way")
  func callers() async {
    let sums = await withTaskGroup(of: Int.self) { group in
      for caller in 0..<6 {
        group.addTask {
          let sum = Atomic<Int>(0)
          for _ in 0..<200 {
            if caller % 2 == 0 {
              ThreadPool.shared.parallel(5) { part in sum.add(part, ordering: .relaxed) }
            } else {
              ThreadPool.shared.together { member in
                var member = member
                member.share(5) { part in sum.add(part, ordering: .relaxed) }
              }
            }
          }
          return sum.load(ordering: .relaxed)
        }
      }
      return await group.reduce(into: []) { $0.append($1) }
    }
    #expect(sums == [Int](repeating: 2000, count: 6))
  }
}
