/// What a template computes.
indirect enum TemplateExpression: Sendable {
  case constant(TemplateConstant)
  case name(String)
  case list([TemplateExpression])
  case tuple([TemplateExpression])
  case dictionary([(key: TemplateExpression, value: TemplateExpression)])
  case attribute(TemplateExpression, String)
  case element(TemplateExpression, TemplateExpression)
  case slice(TemplateExpression, TemplateExpression?, TemplateExpression?, TemplateExpression?)
  case call(TemplateExpression, TemplateArguments)
  /// The value to filter is absent at the head of a filter block, which gives its text.
  case filter(TemplateExpression, String, TemplateArguments, line: Int)
  case test(TemplateExpression, String, TemplateArguments)
  case negative(TemplateExpression)
  case positive(TemplateExpression)
  case not(TemplateExpression)
  case both(TemplateExpression, TemplateExpression)
  case either(TemplateExpression, TemplateExpression)
  case binary(String, TemplateExpression, TemplateExpression)
  case joined([TemplateExpression])
  case compared(TemplateExpression, [(sign: String, right: TemplateExpression)])
  case conditional(TemplateExpression, if: TemplateExpression, else: TemplateExpression?)
}

/// A value that stands in a template.
enum TemplateConstant: Sendable {
  case none
  case bool(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
}

/// The arguments of a call.
struct TemplateArguments: Sendable {
  var places: [TemplateExpression] = []
  var names: [(name: String, value: TemplateExpression)] = []
}

/// What `set` and `for` write to.
enum TemplateTarget: Sendable {
  case name(String)
  case attribute(of: String, String)
  case tuple([TemplateTarget])
}

/// What a macro or a call block takes.
struct TemplateParameters: Sendable {
  var names: [String] = []
  /// Those of the last names.
  var defaults: [TemplateExpression] = []
  /// The body asks for `varargs`: any number of arguments is taken.
  var takesMorePlaces = false
  /// The body asks for `kwargs`: arguments of any name are taken.
  var takesMoreNames = false
}

/// What a template does.
struct TemplateStatement: Sendable {
  indirect enum Kind: Sendable {
    case text(String)
    case output(TemplateExpression)
    case condition([(if: TemplateExpression, then: [TemplateStatement])], else: [TemplateStatement])
    case loop(
      TemplateTarget, in: TemplateExpression, if: TemplateExpression?, isRecursive: Bool,
      body: [TemplateStatement], else: [TemplateStatement])
    case assign(TemplateTarget, TemplateExpression)
    case assignBlock(TemplateTarget, body: [TemplateStatement], filter: TemplateExpression?)
    case macro(String, TemplateParameters, body: [TemplateStatement])
    case callBlock(TemplateParameters, TemplateExpression, body: [TemplateStatement])
    case filterBlock(TemplateExpression, body: [TemplateStatement])
    case scope([(TemplateTarget, TemplateExpression)], body: [TemplateStatement])
    case `break`
    case `continue`
  }

  let kind: Kind
  let line: Int
}

/// The name under which the text of a filter block stands; no template can write it.
let filteredTextName = "*text*"
