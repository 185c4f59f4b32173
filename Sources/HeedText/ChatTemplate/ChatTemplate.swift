// The templates by which published models turn a conversation into one prompt are Jinja, and they
// use much of it: loops with filters, namespaces, macros, slices, tests, JSON. A few fixed formats
// would serve a few models; an interpreter serves all of them. It is a plain one: a lexer, a parser
// that makes a tree, and a walk over the tree. Templates come with models and are hostile until
// proven harmless, so every step, every character written and every level of depth is counted.
//
// Where Python shows through (how a float or a list is written, that strings are code points), Python
// is followed: templates were written against it.

public import HeedFormats

/// A chat template: Jinja as models carry it.
///
///     let template = try ChatTemplate("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}")
///     try template.render(["messages": [["role": "user", "content": "Hello"]]])   // "user: Hello\n"
///
/// - Source: Jinja 3.1 in the set-up of Hugging Face: `trim_blocks`, `lstrip_blocks`, loop controls,
///   generation blocks, `raise_exception`, `strftime_now`, `tojson` without escapes.
public struct ChatTemplate: Sendable {
  private let statements: [TemplateStatement]

  /// How far a template may go.
  public struct Limits: Sendable, Hashable {
    /// Steps: each expression, each turn of a loop; large values count more.
    public var steps = 2_000_000
    /// Bytes of text, of the result and of any value.
    public var textBytes = 16 << 20
    /// Levels of expressions, macros and nested values.
    public var depth = 200

    /// The usual limits.
    public init() {}
  }

  /// Reads a template.
  ///
  /// - Throws: `TemplateError` of the kind `syntax` or `limit`.
  public init(_ source: String) throws(TemplateError) {
    let tokens = try TemplateLexer.tokens(of: source)
    statements = try TemplateParser.statements(of: tokens)
  }

  /// The text for a context.
  ///
  /// - Parameters:
  ///   - context: the variables, an object: `messages`, `add_generation_prompt`, `bos_token`, `tools`.
  ///   - secondsSince1970: what `strftime_now` takes for now, in UTC; without it that function is not
  ///     defined.
  ///   - limits: how far the template may go.
  /// - Throws: `TemplateError`.
  public func render(
    _ context: JSONValue, secondsSince1970: Int? = nil, limits: Limits = Limits()
  ) throws(TemplateError) -> String {
    let interpreter = TemplateInterpreter(limits: limits, now: secondsSince1970)
    return try interpreter.render(statements, context)
  }
}
