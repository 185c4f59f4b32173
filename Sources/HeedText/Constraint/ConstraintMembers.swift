// Members in an order, with or without a count of them. Without one an automaton has two tracks, nothing was
// written yet or something was and a separator is due, and each member is built once and entered from both.
// With one it has a track for each number of members that were written. A member is then built for each
// track, so whoever counts gives members that cost little: calls of rules, which are built once.

import HeedFormats

/// What stands in a fixed order, as the members of an object do.
struct ConstraintMembers: Sendable {
  /// At most once each, the required ones always.
  var named: [(node: ConstraintNode, isRequired: Bool)]
  /// What may come behind them, any number of times.
  var others: ConstraintNode?
  /// Between two of all these.
  let separator: ConstraintNode
  /// How many there are at least. Others count once: they may be the same.
  var least = 0
  /// How many there are at most.
  var most: Int?

  /// How many are always there.
  var requiredCount: Int { named.count(where: \.isRequired) }

  /// Whether it takes counting to keep the bounds.
  var isCounted: Bool {
    least > max(1, requiredCount) || most.map { others != nil || $0 < named.count } ?? false
  }

  /// Whether a text can end without those rules.
  func ends(without endless: Set<Int>) -> Bool {
    let ending = named.count { $0.node.ends(without: endless) }
    let hasOthers = others?.ends(without: endless) ?? false
    return named.allSatisfy { !$0.isRequired || $0.node.ends(without: endless) }
      && ending + (hasOthers ? 1 : 0) >= least
  }
}

extension ByteAutomaton {
  mutating func build(
    _ members: ConstraintMembers, from: Int, to: Int
  ) throws(FormatError) {
    if members.isCounted {
      try buildCounted(members, from: from, to: to)
    } else {
      try buildUncounted(members, from: from, to: to)
    }
  }

  private mutating func buildUncounted(
    _ members: ConstraintMembers, from: Int, to: Int
  ) throws(FormatError) {
    var all = members.named
    if let others = members.others {
      all.append((.repeated(others, separator: members.separator, least: 1, most: nil), false))
    }
    var nothing = from
    var something = try state()
    for member in all {
      let begin = try state()
      let (nextNothing, nextSomething) = (try state(), try state())
      addFree(nothing, begin)
      try build(members.separator, from: something, to: begin)
      try build(member.node, from: begin, to: nextSomething)
      if !member.isRequired {
        addFree(nothing, nextNothing)
        addFree(something, nextSomething)
      }
      (nothing, something) = (nextNothing, nextSomething)
    }
    if members.least == 0 { addFree(nothing, to) }
    addFree(something, to)
  }

  private mutating func buildCounted(
    _ members: ConstraintMembers, from: Int, to: Int
  ) throws(FormatError) {
    // Without a most, all numbers from the least on are one track.
    let last = min(members.named.count, members.most ?? members.least)
    var tracks = [from]
    for _ in 0..<last { tracks.append(try state()) }
    for member in members.named {
      var next: [Int] = []
      for _ in tracks { next.append(try state()) }
      for (count, track) in tracks.enumerated() {
        if !member.isRequired { addFree(track, next[count]) }
        guard count < last || members.most == nil else { continue }
        try build(
          member.node, behind: count > 0 ? members.separator : .empty, from: track,
          to: next[min(count + 1, last)])
      }
      tracks = next
    }
    for (count, track) in tracks.enumerated() where count >= members.least { addFree(track, to) }
    guard let others = members.others else { return }
    // Behind the others that were written; with a most one place for each number of all members.
    var places: [Int] = []
    for _ in 0...(members.most ?? 0) { places.append(try state()) }
    func place(_ count: Int) -> Int? {
      guard let most = members.most else { return places[0] }
      return count <= most ? places[count] : nil
    }
    for (count, track) in tracks.enumerated() where count + 1 >= members.least {
      guard let next = place(count + 1) else { continue }
      try build(
        others, behind: count > 0 ? members.separator : .empty, from: track, to: next)
    }
    for (count, present) in places.enumerated() {
      addFree(present, to)
      guard let next = place(count + 1) else { continue }
      try build(others, behind: members.separator, from: present, to: next)
    }
  }

  private mutating func build(
    _ node: ConstraintNode, behind separator: ConstraintNode, from: Int, to: Int
  ) throws(FormatError) {
    try build(.sequence([separator, node]), from: from, to: to)
  }
}
