/// A time in UTC, written as `strftime` does in English.
struct TemplateTime {
  private let year: Int
  private let month: Int
  private let day: Int
  private let dayOfYear: Int
  private let weekday: Int
  private let second: Int

  /// - Source: days to dates by eras of 400 years, Hinnant 2013, "chrono-compatible low-level date
  ///   algorithms".
  init(_ secondsSince1970: Int) {
    // Some nine thousand years to either side: beyond, the year has no four digits.
    let seconds = max(-62_000_000_000, min(250_000_000_000, secondsSince1970))
    let days = Int((Double(seconds) / 86400).rounded(.down))
    second = seconds - days * 86400
    weekday = ((days + 4) % 7 + 7) % 7
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let ofEra = shifted - era * 146_097
    let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36524 - ofEra / 146_096) / 365
    let fromMarch = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let part = (5 * fromMarch + 2) / 153
    day = fromMarch - (153 * part + 2) / 5 + 1
    month = part < 10 ? part + 3 : part - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    let isLeap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
    dayOfYear = month > 2 ? fromMarch + 60 + (isLeap ? 1 : 0) : fromMarch - 305
  }

  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
  ]
  private static let weekdays = [
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
  ]

  func text(_ format: String) -> String {
    var result = ""
    var rest = format.unicodeScalars[...]
    func padded(_ value: Int, _ width: Int = 2) -> String {
      let digits = String(value)
      return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
    while let scalar = rest.popFirst() {
      guard scalar == "%", let kind = rest.popFirst() else {
        result.unicodeScalars.append(scalar)
        continue
      }
      switch kind {
      case "Y": result += padded(year, 4)
      case "y": result += padded(((year % 100) + 100) % 100)
      case "m": result += padded(month)
      case "B": result += Self.months[month - 1]
      case "b", "h": result += Self.months[month - 1].prefix(3)
      case "d": result += padded(day)
      case "e": result += day < 10 ? " \(day)" : "\(day)"
      case "j": result += padded(dayOfYear, 3)
      case "A": result += Self.weekdays[weekday]
      case "a": result += Self.weekdays[weekday].prefix(3)
      case "w": result += String(weekday)
      case "H": result += padded(second / 3600)
      case "I": result += padded((second / 3600 + 11) % 12 + 1)
      case "p": result += second < 43200 ? "AM" : "PM"
      case "M": result += padded(second / 60 % 60)
      case "S": result += padded(second % 60)
      case "Z": result += "UTC"
      case "F": result += text("%Y-%m-%d")
      case "T": result += text("%H:%M:%S")
      case "%": result += "%"
      default:
        result += "%"
        result.unicodeScalars.append(kind)
      }
    }
    return result
  }
}
