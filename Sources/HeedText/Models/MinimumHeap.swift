/// A binary heap: gives its elements from the least on.
package struct MinimumHeap<Element: Comparable> {
  private var elements: ContiguousArray<Element> = []

  package init() {}

  /// How many elements there are.
  var count: Int { elements.count }

  /// The least element; O(1).
  var least: Element? { elements.first }

  /// O(log n).
  package mutating func insert(_ element: Element) {
    elements.append(element)
    var place = elements.count - 1
    while place > 0 {
      let parent = (place - 1) / 2
      if elements[parent] < element || !(element < elements[parent]) { break }
      elements[place] = elements[parent]
      place = parent
    }
    elements[place] = element
  }

  /// O(log n).
  package mutating func removeLeast() -> Element? {
    guard let least = elements.first, let last = elements.popLast() else { return nil }
    if elements.isEmpty { return least }
    var place = 0
    while true {
      var child = place * 2 + 1
      if child >= elements.count { break }
      if child + 1 < elements.count, elements[child + 1] < elements[child] { child += 1 }
      if !(elements[child] < last) { break }
      elements[place] = elements[child]
      place = child
    }
    elements[place] = last
    return least
  }
}
