/// The `limit` of `names` that are nearest to `name`, by the edits that lead from one to the other
/// (Levenshtein 1966); equal ones in their order. Names that have little in common are left out.
package func nearestNames(to name: String, among names: [String], limit: Int = 3) -> [String] {
  // What a person may have mistyped is short; a config is not trusted to be.
  let name = String(name.prefix(64))
  return names.map { (name: $0, distance: editDistance(name, $0)) }
    .filter { $0.distance <= max(2, max($0.name.count, name.count) / 2) }
    .enumerated()
    .sorted { ($0.element.distance, $0.offset) < ($1.element.distance, $1.offset) }
    .prefix(limit).map(\.element.name)
}

/// Insertions, deletions and replacements of characters from `left` to `right`.
func editDistance(_ left: String, _ right: String) -> Int {
  let right = Array(right)
  var row = Array(0...right.count)
  for (i, a) in left.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, b) in right.enumerated() {
      let replaced = diagonal + (a == b ? 0 : 1)
      diagonal = row[j + 1]
      row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
    }
  }
  return row[right.count]
}
