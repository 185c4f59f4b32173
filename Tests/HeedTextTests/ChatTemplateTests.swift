import HeedFormats
import HeedTensor
import HeedText
import Testing

@Suite struct ChatTemplateTests {
  private func rendered(_ template: String, _ context: JSONValue = [:]) throws -> String {
    try ChatTemplate(template).render(context)
  }

  private func kind(_ template: String, _ context: JSONValue = [:]) -> TemplateError.Kind? {
    do { _ = try rendered(template, context) } catch { return (error as? TemplateError)?.kind }
    return nil
  }

  @Test(
    "values are written as Python writes them",
    arguments: [
      (
        "{{ [1, 1.0, 'it''s', \"it's\", none, true, {'a': (1,)}] }}",
        "[1, 1.0, 'its', \"it's\", None, True, {'a': (1,)}]"
      ),
      (
        "{{ 1e15 }} {{ 1e16 }} {{ 123456789012345680.0 }} {{ 0.0001 }} {{ 0.00001 }} {{ -0.0 }}",
        "1000000000000000.0 1e+16 1.2345678901234568e+17 0.0001 1e-05 -0.0"
      ),
      (
        "{{ 2.675 | round(2) }} {{ 0.5 | round }} {{ 1.5 | round }} {{ 1234.5 | round(-2) }}",
        "2.67 0.0 2.0 1200.0"
      ),
      ("{{ '%.3f|%5d|%-4s|%04d|%x' % (2.0005, 7, 'ab', 42, 255) }}", "2.001|    7|ab  |0042|ff"),
      ("{{ -7 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 7.5 // 2 }} {{ 2 ** -1 }}", "-4 2 -2 3.0 0.5"),
      ("{{ 'e\u{301}' | length }} {{ '\u{1F600}a'[1] }} {{ 'abc'[-1] }}", "2 a c"),
    ])
  func values(template: String, wanted: String) throws {
    #expect(try rendered(template) == wanted)
  }

  @Test(
    "strings have Python's methods that look for parts and that bring to a width",
    arguments: [
      ("{{ 'abcabc'.find('b', 2) }} {{ 'abc'.rfind('z') }} {{ 'abab'.rindex('ab') }}", "4 -1 2"),
      ("{{ 'aXé'.index('é') }} {{ 'abc'.find('c', -1) }} {{ 'abc'.find('', 3) }}", "2 2 3"),
      ("{{ 'a.b.c'.partition('.') }}", "('a', '.', 'b.c')"),
      (
        "{{ 'a.b.c'.rpartition('.') }} {{ 'a'.rpartition('.') }}", "('a.b', '.', 'c') ('', '', 'a')"
      ),
      ("{{ 'a b  c'.rsplit(none, 1) }} {{ 'a,b,c'.rsplit(',', 1) }}", "['a b', 'c'] ['a,b', 'c']"),
      ("{{ 'a\nb\n'.splitlines(true) }}", "['a\\n', 'b\\n']"),
      ("{{ 'ab'.ljust(4, '.') }}{{ 'ab'.rjust(4) }}{{ '-7'.zfill(4) }}", "ab..  ab-007"),
      ("{{ 'ab'.center(5, '*') }} {{ 'a'.center(4, '*') }} {{ 'ab'.center(1) }}", "**ab* *a** ab"),
      ("{{ 'aßB'.swapcase() }} {{ '٣²'.isdecimal() }} {{ 'é'.isascii() }}", "ASSb False False"),
      ("{{ {'a': 1}.copy() }}", "{'a': 1}"),
    ])
  func textMethods(template: String, wanted: String) throws {
    #expect(try rendered(template) == wanted)
  }

  @Test("what is nothing selects nothing, and rounds and counts as Jinja says")
  func nothing() throws {
    #expect(
      try rendered(
        "{{ none | selectattr('a') | list }}{{ 0 | map('upper') | list }}"
          + "{{ false | reject('none') | list }}") == "[][][]")
    #expect(
      try rendered("{{ 3 | round }} {{ -1 | round(2) }} {{ 3 | round(0, 'ceil') }}") == "3 -1 3.0")
    #expect(try rendered("{{ x is callable }}") == "True")
    #expect(kind("{{ x | int(7) }}") == .template)
    #expect(kind("{{ x | float }}") == .template)
  }

  @Test("a macro takes more than it names only where its body asks for it")
  func macroArguments() throws {
    #expect(kind("{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}") == .runtime)
    #expect(kind("{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}") == .runtime)
    #expect(
      try rendered("{% macro m(a) %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, b=3) }}")
        == "(2,){'b': 3}")
  }

  @Test("white space around tags goes where the tags say")
  func space() throws {
    #expect(try rendered("a\n  {% if true %}  \n b\n  {%- endif +%}\n c") == "a\n  \n b\n c")
    #expect(try rendered("  {# gone #}\nx") == "x")
    #expect(try rendered("{% raw -%}  {{ a }} {%- endraw %}\n") == "{{ a }}")
    #expect(try rendered("a\r\n{% if true %}\r\nb{% endif %}") == "a\nb")
  }

  @Test("a recursive loop, macros that call each other and call blocks with arguments")
  func nested() throws {
    let tree: JSONValue = ["t": [["n": "a", "c": [["n": "b", "c": []]]], ["n": "d", "c": []]]]
    #expect(
      try rendered(
        "{% for x in t recursive %}{{ x.n }}{{ loop.depth }}({{ loop(x.c) }}){% endfor %}", tree)
        == "a1(b2())d1()")
    #expect(
      try rendered(
        "{% macro f(n) %}{{ n }}{% if n %}{{ g(n - 1) }}{% endif %}{% endmacro %}"
          + "{% macro g(n) %}.{{ f(n) }}{% endmacro %}{{ f(3) }}") == "3.2.1.0")
    #expect(
      try rendered(
        "{% macro m() %}{{ caller('x', 2) }}{{ varargs }}{% endmacro %}"
          + "{% call(a, b) m(7) %}{{ a }}{{ b }}{% endcall %}") == "x2(7,)")
  }

  @Test(
    "what cannot be rendered ends in an error of its kind, with a line",
    arguments: [
      ("{{ raise_exception('no') }}", "template"), ("{{ a.b.c }}", "template"),
      ("{{ 1 / 0 }}", "runtime"), ("{{ 'a' | float + [] }}", "runtime"),
      ("{{ {[1]: 2} }}", "runtime"), ("{{ none | length }}", "runtime"),
      ("{% for x in 3 %}{% endfor %}", "runtime"), ("{{ 'a' < 1 }}", "runtime"),
      ("{% break %}", "syntax"), ("{% for %}", "syntax"), ("{{ 'a", "syntax"),
      ("{% if x %}", "syntax"), ("{# x", "syntax"), ("{{ (1 }}", "syntax"),
      ("{% include 'x' %}", "syntax"), ("{{ 99999999999999999999 }}", "syntax"),
      ("{{ 9223372036854775807 + 1 }}", "limit"), ("{{ 2 ** 64 }}", "limit"),
      ("{{ -(-9223372036854775807 - 1) }}", "limit"), ("{{ x | tojson }}", "runtime"),
    ])
  func errors(template: String, wanted: String) {
    do {
      _ = try ChatTemplate("\n" + template).render([:])
      Issue.record("no error: \(template)")
    } catch {
      #expect(error.kind.description == wanted, "\(template): \(error)")
      #expect(error.line == 2)
    }
  }

  @Test(
    "a template that would never end, or grow without bound, is stopped",
    arguments: [
      "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
      "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
      "{{ 'a' * 999999999999 }}", "{{ [0] * 9999999999 }}", "{{ 'a' * 16000000 ~ 'b' * 16000000 }}",
      "{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
      "{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}",
      "{% for i in range(99999) %}{{ 'x' * 9999 }}{% endfor %}", "{{ range(999999999) }}",
      "{{ '%99999999d' % 1 }}", "{{ 'a' | center(1) ~ [] | tojson(indent=99999999) }}",
    ])
  func bounded(template: String) {
    #expect(kind(template) == .limit)
  }

  @Test("nesting without bound is refused before it can hurt")
  func deep() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{'a':", "}"), ("not ", ""), ("-", "")] {
      let template =
        "{{ " + String(repeating: open, count: 5000) + "1" + String(repeating: close, count: 5000)
        + " }}"
      #expect(kind(template) == .limit)
    }
    #expect(kind("{{ 1" + String(repeating: " + 1", count: 5000) + " }}") == .limit)
    #expect(kind("{{ a" + String(repeating: "[0]", count: 5000) + " }}") == .limit)
    #expect(kind(String(repeating: "{% if 1 %}", count: 5000)) == .limit)
    // Objects that hold each other in a long chain are released one by one.
    #expect(
      kind(
        "{% set ns = namespace(h=namespace()) %}{% for i in range(90000) %}{% set c = ns.h %}"
          + "{% set n = namespace() %}{% set c.next = n %}{% set ns.h = n %}{% endfor %}") == nil)
  }

  @Test("changed templates never crash")
  func mutations() throws {
    let template =
      "{% set ns = namespace(a=1) %}{% for m in messages if m.role != 'x' %}{{- m['role'] | upper ~ "
      + "': ' ~ m.content[1:] | trim -}}{% if loop.last %}{{ {'a': [1, 2.5]} | tojson(indent=2) }}"
      + "{% elif not m %}{% macro f(a, b=2) %}{{ a }}{% endmacro %}{{ f(1) }}{% endif %}{% endfor %}"
    let context: JSONValue = ["messages": [["role": "user", "content": "hello"]]]
    #expect(try rendered(template, context).hasPrefix("USER: ello"))
    var generator = RandomGenerator(seed: 2)
    let scalars = Array(template.unicodeScalars)
    let signs = Array("{}%#-'\"|()[].,~+*/= \n0aif".unicodeScalars)
    var limits = ChatTemplate.Limits()
    limits.steps = 2000
    var kinds: Set<TemplateError.Kind> = []
    for _ in 0..<3000 {
      var changed = scalars
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        let place = Int.random(in: 0..<changed.count, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: changed.remove(at: place)
        case 1: changed.insert(signs.randomElement(using: &generator) ?? "a", at: place)
        default: changed[place] = signs.randomElement(using: &generator) ?? "a"
        }
      }
      do {
        _ = try ChatTemplate(String(String.UnicodeScalarView(changed))).render(
          context, limits: limits)
      } catch { kinds.insert(error.kind) }
    }
    #expect(kinds.contains(.syntax) && kinds.contains(.template))
  }

  @Test("the time is what it is told to be")
  func time() throws {
    let template = try ChatTemplate("{{ strftime_now('%d %B %Y, %A %H:%M:%S %j %b %y') }}")
    #expect(
      try template.render([:], secondsSince1970: 1_709_210_096)
        == "29 February 2024, Thursday 12:34:56 060 Feb 24")
    #expect(
      try template.render([:], secondsSince1970: -1)
        == "31 December 1969, Wednesday 23:59:59 365 Dec 69")
    #expect(throws: TemplateError.self) { try template.render([:]) }
    for extreme in [Int.min, Int.max] {
      #expect(throws: Never.self) { try template.render([:], secondsSince1970: extreme) }
    }
  }

  @Test("a folder's template is found in either place, and its tokens with it")
  func folder() throws {
    let messages = [ChatMessage(role: "user", content: "hi")]
    let config =
      #"{"bos_token": {"content": "<s>"}, "chat_template": "{{ bos_token }}{{ messages[0].content }}"}"#
    try withFolder(["tokenizer_config.json": Array(config.utf8)]) { folder in
      let format = try ChatFormat(folder: folder)
      #expect(format.hasTemplate)
      #expect(try format.prompt(messages) == "<s>hi")
    }
    try withFolder([
      "tokenizer_config.json": Array(config.utf8),
      "chat_template.jinja": Array("{{ messages | length }}".utf8),
    ]) { folder in
      let format = try ChatFormat(folder: folder)
      #expect(try format.prompt(messages) == "1")
    }
    try withFolder([:]) { folder in
      let format = try ChatFormat(folder: folder)
      #expect(!format.hasTemplate)
      #expect(try format.prompt(messages) == "User: hi\nAssistant:")
    }
  }
}
