"""Small templates: hand-written ones for every part of the language, and random expressions."""

import random

VALUES = {
    "i": ["0", "1", "-7", "3", "42", "true", "false", "10"],
    "f": ["1.5", "-0.25", "1e20", "3.0", "0.1"],
    "s": ["'abc'", "''", "'Hello World'", "' a b  c '", "'été ß'", "'x,y,,z'", "\"it's\"",
          "'a\\nb\\r\\nc'", "s", "u", "'%s-%s'", "'12'", "'3.7'"],
    "l": ["[3, 1, 2]", "[]", "['b', 'A', 'c']", "l", "[[1, 2], [0]]", "(1, 2)", "range(4)",
          "[1, 'a', none, true, 1.5]", "'xyz'|list", "users", "d.keys()|list"],
    "d": ["{'a': 1, 'b': [1]}", "{}", "d", "users[0]", "{1: 2, none: 'x'}"],
    "x": ["none", "undefined_name", "true", "ns", "d.missing"],
}
VARIABLES = {
    "s": "Some Text, with <b> & \"quotes\"", "u": "naïve Σίσυφος ŉ ﬁ 日本 😀 İ",
    "l": [5, 3, 9, 1], "n": 7, "r": 2.75, "t": True, "z": None,
    "d": {"a": 1, "b": "two", "C": None, "items": 5},
    "users": [{"name": "bob", "age": 30, "tags": ["x"]}, {"name": "Alice", "age": 25, "tags": []},
              {"name": "carol", "age": 30, "tags": ["y", "z"], "in": {"k": [1, 2]}}],
    "deep": {"a": [{"b": {"c": "end"}}]},
}
FILTERS = ["upper", "lower", "title", "capitalize", "trim", "length", "count", "first", "last",
           "list", "join", "join(', ')", "reverse|list", "sort", "unique|list", "tojson", "string",
           "int", "float", "abs", "round", "round(1)", "round(1, 'floor')", "default('d')",
           "d('e', true)", "items|list", "sum", "min", "max", "escape", "e", "safe", "indent",
           "indent(2, true)", "indent('> ', blank=true)", "wordcount", "replace('a', 'X')",
           "batch(2)|list", "slice(2)|list", "map('upper')|list", "map('int')|list",
           "select|list", "reject('none')|list", "select('string')|list", "dictsort",
           "groupby(0)", "sort(reverse=true)", "tojson(indent=2)", "center(9)", "map(attribute='name')|list",
           "selectattr('age')|list", "rejectattr('name', 'defined')|list", "truncate(5, true)",
           "format(1, 2)", "urlencode"]
TESTS = ["defined", "undefined", "none", "string", "mapping", "sequence", "iterable", "number",
         "integer", "float", "boolean", "true", "false", "odd", "even", "divisibleby(3)",
         "equalto(1)", "in([1, 'abc'])", "lower", "upper", "callable", "sameas(none)", "eq(3)",
         "gt(2)", "lt('b')", "ne('')", "escaped"]
METHODS = ["strip()", "lstrip('a ')", "rstrip()", "split()", "split(',')", "split(' ', 1)",
           "rsplit(' ', 1)", "splitlines()", "startswith('a')", "endswith(('c', 'd'))",
           "replace('b', '')", "upper()", "lower()", "title()", "capitalize()", "join(['x', 'y'])",
           "find('l')", "rfind('l')", "count('l')", "format(1, 2)", "isdigit()", "islower()",
           "zfill(8)", "partition(' ')", "ljust(12, '.')", "removeprefix('a')", "swapcase()",
           "casefold()", "index('a')", "istitle()", "isalpha()", "isalnum()", "expandtabs(4)",
           "get('a')", "get('zz', 0)", "keys()|list", "values()|list", "items()|list", "count(1)",
           "index(1)", "copy()"]
BINARY = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in",
          "not in", "and", "or"]
SUBSCRIPTS = ["[0]", "[-1]", "[5]", "['a']", "['name']", "[1:]", "[:-1]", "[::-1]", "[::2]",
              "[-2:]", "[3:1:-1]", ".a", ".name", ".upper", ".0", "[none]", "['__class__']",
              ".__class__"]


def expression(rng, depth=0):
    kind = rng.randrange(10)
    if depth > 2 or kind < 3:
        return rng.choice(VALUES[rng.choice("iifsssslldx")])
    inner = lambda: expression(rng, depth + 1)
    if kind == 3:
        return f"({inner()}) {rng.choice(BINARY)} ({inner()})"
    if kind in (4, 5):
        return f"({inner()})|{rng.choice(FILTERS)}"
    if kind == 6:
        return f"({inner()}) is {rng.choice(['', 'not '])}{rng.choice(TESTS)}"
    if kind == 7:
        return f"({inner()}).{rng.choice(METHODS)}"
    if kind == 8:
        return f"({inner()}){rng.choice(SUBSCRIPTS)}"
    return rng.choice([f"({inner()} if {inner()} else {inner()})", f"[{inner()}, {inner()}]",
                       f"not ({inner()})", f"-({inner()})", f"{{'k': {inner()}}}",
                       f"({inner()}) < ({inner()}) < ({inner()})"])


def random_cases(count, seed):
    rng = random.Random(seed)
    for _ in range(count):
        yield {"template": "{% set ns = namespace(a=1) %}{{ " + expression(rng) + " }}",
               "variables": VARIABLES}


HAND = r"""
{{ 1 }}|{{ -1 ** 2 }}|{{ 2 ** 3 ** 2 }}|{{ 7 // -2 }}|{{ -7 % 3 }}|{{ 7 / 2 }}|{{ 4 / 2 }}|{{ 2 ** -1 }}
{{ 1_000 + 0x1F + 0o17 + 0b101 }}|{{ 1.5e3 }}|{{ 1e16 }}|{{ 123456789012345678.0 }}|{{ 1e-5 }}|{{ 0.0001 }}|{{ 1e22 }}|{{ -0.0 }}
{{ 9223372036854775807 }}|{{ -9223372036854775807 - 1 }}
{{ 5.5 // 2 }}|{{ -5.5 % 2 }}|{{ 5.5 % -2 }}|{{ 1e308 * 10 }}|{{ 0.1 + 0.2 }}|{{ 1 / 3 }}
{{ true + true }}|{{ true * 3 }}|{{ false ~ none ~ 1.0 }}|{{ [1, 2] + [3] }}|{{ (1,) + (2, 3) }}|{{ 'ab' * 3 }}|{{ [0] * 3 }}|{{ 2 * 'x' }}
{{ 'a' + 1 }}
{{ 1 + none }}
{{ 1 / 0 }}
{{ 1 % 0 }}
{{ 1.0 // 0 }}
{{ [1, 2] - [1] }}
{{ 1 < 2 < 3 }}|{{ 1 < 2 > 3 }}|{{ 1 == 1.0 == true }}|{{ 'a' < 'b' }}|{{ [1, 2] < [1, 3] }}|{{ (1,) == [1] }}|{{ none == none }}
{{ 1 < 'a' }}
{{ none < 1 }}
{{ {} < {} }}
{{ 'a' in 'abc' }}|{{ 'a' not in ['a'] }}|{{ 'a' in d }}|{{ 5 in d.values() }}|{{ ('a', 1) in d.items() }}|{{ 3 in range(5) }}|{{ 3.0 in range(5) }}
{{ 1 in 'abc' }}
{{ 1 in 5 }}
{{ 'a' in undefined_name }}|{{ undefined_name == undefined_name2 }}|{{ undefined_name == none }}
{{ not 1 in [2] }}|{{ not true and false }}|{{ 1 and 2 or 3 }}|{{ '' or 'x' }}|{{ [] and 1 }}|{{ 0 or none }}
{{ 1 if true }}|{{ 1 if false }}|{{ 1 if false else 2 if false else 3 }}|{{ (1 if false) is defined }}
{{ [1, 2, 3][1] }}|{{ 'héllo'[1] }}|{{ 'héllo'[-1] }}|{{ [1][5] }}|{{ d['a'] }}|{{ d.a }}|{{ d['zz'] }}|{{ d.zz is defined }}|{{ d.items }}
{{ d.items() }}|{{ d.keys() }}|{{ d.values() }}|{{ d['items'] }}|{{ d['keys']()|list }}
{{ undefined_name }}|{{ undefined_name|length }}|{{ undefined_name|list }}|{{ undefined_name is iterable }}|{{ undefined_name|join }}
{{ undefined_name.foo }}
{{ undefined_name['foo'] }}
{{ undefined_name() }}
{{ undefined_name + 1 }}
{{ none.foo }}|{{ none['x'] }}|{{ (5).foo }}
{{ none.foo.bar }}
{{ none() }}
{{ 'abc'.__class__ }}|{{ ''.__class__ is defined }}|{{ d.__class__ }}|{{ [].__len__ }}
{{ ''.__class__.__mro__ }}
{{ ''['__class__']['__base__'] }}
{{ (''|attr('__class__')).__mro__ }}
{{ d.update({'x': 1}) }}
{{ l.append(1) }}
{{ d.pop('a') }}
{{ 'hello'[1:3] }}|{{ 'hello'[::-1] }}|{{ 'hello'[-3:] }}|{{ [1,2,3,4,5][::2] }}|{{ [1,2,3][5:] }}|{{ (1,2,3)[1:] }}|{{ range(10)[2:5]|list }}|{{ range(10)[::3]|list }}
{{ [1,2,3][::0] }}
{{ 'abc'['a':] }}
{{ 5[1:] }}
{{ [1, 2.5, 'a', "it's", 'q"q', none, true, [], {}, (), (1,), {'a': [1]}] }}
{{ 'a\tb\x00\u00e9\u200b\\' ~ '' }}|{{ ['a\tb\x00\u00e9\u200b\\\n\x7f\xa0', u] }}
{{ "a\qb" }}|{{ 'a\
b' }}|{{ '\101\x41\u0041\U00000041' }}
{{ 'unclosed }}
{{ 1 }
{{ 1 + }}
{{ (1 }}
{{ [1, 2 }}
{{ }}
{% if %}{% endif %}
{% if true %}
{% endif %}
{% for %}{% endfor %}
{% for x in [1] %}
{% unknown %}
{% endfor %}
{# comment #}x{#- c -#} y {# {{ 1 }} #}
{# unclosed
{{ '{{ 1 }}' }}|{{ '{% raw %}' }}|{% raw %}{{ x }}{% if %}{% endraw %}|{%- raw -%}  a {%- endraw %} b
a {%- if true -%} b {%- endif -%} c   {{- ' d ' -}}   e
  {% if true %}  x  {% endif %}  y
a  {%+ if true %}x{% endif +%} y
{{+1}}|{{-1}}|{{ - 1 }}|{{+ 1 +}}
{% set x = 1 %}{{ x }}{% set x = x + 1 %}{{ x }}{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, e) = (3, 4) %}{{ c }}{{ e }}
{% set x = 1, 2 %}{{ x }}{% set y = (1) %}{{ y }}{% set z = () %}{{ z }}
{% set a, b = [1] %}
{% set a, b = [1, 2, 3] %}
{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}
{% set ns = namespace(n=0, s='') %}{% for i in range(4) %}{% set ns.n = ns.n + i %}{% set ns.s = ns.s ~ i %}{% endfor %}{{ ns.n }}{{ ns.s }}{{ ns }}{{ ns['n'] }}{{ ns.zz is defined }}
{% set ns = namespace({'a': 1}, b=2) %}{{ ns.a }}{{ ns.b }}{% set ns.a, ns.b = 5, 6 %}{{ ns.a }}{{ ns.b }}
{% set d.x = 1 %}
{% set ns = namespace() %}{% set ns._x = 1 %}
{% set ns = namespace(__init__=1) %}
{{ namespace(a=1) == namespace(a=1) }}
{% if false %}{% set x = 1 %}{% endif %}{{ x is defined }}{% if true %}{% set y = 2 %}{% endif %}{{ y }}
{% set x %}a{{ 1 }}b{% endset %}[{{ x }}]{% set y | upper | trim %} abc {% endset %}[{{ y }}]
{% for i in [1, 2, 3] %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }}{{ loop.depth }}{{ loop.changed(i) }};{% endfor %}
{% for i in [] %}x{% else %}empty{% endfor %}{% for i in [1] %}x{% else %}empty{% endfor %}{% for i in undefined_name %}x{% else %}none{% endfor %}
{% for i in [1, 2, 3, 4] if i is even %}{{ loop.index }}{{ i }}{{ loop.length }}{{ loop.last }}{% endfor %}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}{% for k in d %}{{ k }}{% endfor %}{% for c in 'aé' %}[{{ c }}]{% endfor %}{% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for i in 5 %}{% endfor %}
{% for i in none %}{% endfor %}
{% for a, b in [1] %}{% endfor %}
{% for i in range(5) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% break %}
{% for i in [1] %}{% macro f() %}{% break %}{% endmacro %}{% endfor %}
{% for x in [[1, [2]], [3]] recursive %}{% if x is iterable %}({{ loop(x) }}{{ loop.depth }}){% else %}{{ x }}{% endif %}{% endfor %}
{% for i in [1] %}{{ loop(i) }}{% endfor %}
{% for i in [1, 2] %}{% for j in 'ab' %}{{ loop.index }}{{ i }}{{ j }}{% endfor %}{{ loop.index }}{% endfor %}
{% for i in [1, 2, 3] %}{% set ns = namespace(x=i) %}{% if loop.first %}F{% elif loop.last %}L{% else %}M{% endif %}{{ ns.x }}{% endfor %}
{% for x in [1,1,2] %}{{ loop }}{% endfor %}
{% macro f(a, b=2, c='x') %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(1) }}|{{ f(1, c=3) }}|{{ f(b=1, a=2) }}|{{ f() }}|{{ f }}|{{ f.name }}
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(b=2) }}
{% macro f(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, 3, x=4) }}
{% macro f(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ f(5) }}
{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}
{% macro f() %}[{{ caller() }}]{% endmacro %}{% call f() %}in{{ n }}{% endcall %}
{% macro f() %}[{{ caller(1, b=2) }}]{% endmacro %}{% call(a, b) f() %}{{ a }}{{ b }}{% endcall %}
{% macro f() %}x{% endmacro %}{% call f() %}y{% endcall %}
{% macro f() %}{{ caller is defined }}{% endmacro %}{{ f() }}
{% macro f() %}{{ x }}{% endmacro %}{% set x = 1 %}{{ f() }}{% for x in [2] %}{{ f() }}{% endfor %}
{% set x = 'o' %}{% macro f() %}{{ x }}{% set x = 'i' %}{{ x }}{% endmacro %}{{ f() }}{{ x }}
{% macro f(a, b=1, c) %}{% endmacro %}
{% filter upper %}abc{{ 'd' }}{% endfilter %}|{% filter trim | replace('a', 'b') %} aaa {% endfilter %}
{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}
{% generation %}a{{ 1 }}{% set q = 1 %}{% endgeneration %}{{ q is defined }}
{% print 1, 'a' %}
{% include 'x' %}
{% import 'x' as y %}
{% extends 'x' %}
{{ 'a'|nosuchfilter }}
{{ 'a' is nosuchtest }}
{{ range(3)|list }}|{{ range(1, 4)|list }}|{{ range(5, 0, -2)|list }}|{{ range(3) }}|{{ range(0) }}|{{ range(1, 10, 3) }}|{{ range(3)|length }}|{{ range(3)[1] }}
{{ range(1, 2, 0) }}
{{ range('a') }}
{{ dict(a=1, b=2) }}|{{ dict({'x': 1}, y=2) }}|{{ dict([('a', 1)]) }}|{{ dict() }}
{{ raise_exception('boom') }}
{{ dict(1) }}
{{ {[1]: 2} }}
{{ {1: 'a', 1.0: 'b', true: 'c'} }}|{{ {'a': 1, 'a': 2} }}|{{ {(1, 2): 3}[(1, 2)] }}
{{ 'x'.upper().lower() }}|{{ 'a-b'.split('-')[1] }}|{{ ' x '.strip() }}|{{ 'xxaxx'.strip('x') }}|{{ 'abc'.replace('', '-') }}|{{ 'aaa'.replace('a', 'b', 2) }}
{{ 'a b  c'.split() }}|{{ 'a b  c'.split(' ') }}|{{ 'a,b,c'.rsplit(',', 1) }}|{{ ''.split() }}|{{ ''.split(',') }}|{{ ' a b c '.split(none, 1) }}|{{ ' a b c '.rsplit(maxsplit=1) }}|{{ 'aXbX'.rsplit('X') }}
{{ 'a'.split('') }}
{{ 'a\nb\r\nc\x0bd\u2028e'.splitlines() }}|{{ 'a\nb\n'.splitlines(true) }}
{{ 'hello'.find('l', 3) }}|{{ 'hello'.find('z') }}|{{ 'hello'.find('', 9) }}|{{ 'hello'.count('l') }}|{{ 'aaa'.count('') }}|{{ 'héé'.find('é', 2) }}|{{ 'hello'.rfind('l', 0, 3) }}|{{ 'hello'.startswith('ell', 1) }}|{{ 'abc'.endswith('b', 0, -1) }}
{{ 'hello'.index('z') }}
{{ [1, 2].index(5) }}
{{ '-'.join(['a', 'b']) }}|{{ '-'.join('abc') }}|{{ ''.join([]) }}
{{ '-'.join([1]) }}
{{ 'hello world'.title() }}|{{ "they're bill's".title() }}|{{ "they're bill's-x (y)"|title }}|{{ 'ßa'.upper() }}|{{ 'ΑΣ ΑΣΑ'.lower() }}|{{ 'ŉx ﬁne'.capitalize() }}|{{ 'ǆ'.title() }}|{{ 'İ'.lower()|length }}|{{ 'Straße'.casefold() }}
{{ '{} {}'.format(1, 'a') }}|{{ '{0}{1}{0}'.format('x', 2) }}|{{ '{a}'.format(a=1) }}|{{ '{:>5}|{:<5}|{:^5}|{:05d}'.format('a', 'b', 'c', 42) }}|{{ '{:.2f}'.format(3.14159) }}|{{ '{:,}'.format(1234567) }}|{{ '{!r}'.format('a') }}|{{ '{{}}'.format() }}|{{ '{:{}}'.format(1, 5) }}|{{ '{0[a]}'.format({'a': 1}) }}|{{ '{0.a}'.format({'a': 1}) }}
{{ '{:x} {:#x} {:o} {:b} {:e} {:g} {:%} {:+d} {: d} {:c}'.format(255, 255, 8, 5, 12345.678, 0.00001, 0.25, 5, 5, 65) }}|{{ '{:*^9}'.format('é') }}|{{ '{:_}'.format(1234567) }}|{{ '{:010,}'.format(1234567) }}|{{ '{:.3}'.format('abcdef') }}|{{ '{:.3}'.format(100.0) }}|{{ '{:.3}'.format(10.0) }}|{{ '{:10}'.format(1.5) }}|{{ '{:6}'.format(true) }}|{{ '{}'.format(none) }}
{{ '{} {0}'.format(1) }}
{{ '{}'.format() }}
{{ '{x}'.format() }}
{{ '{'.format() }}
{{ '}'.format() }}
{{ '{:d}'.format('a') }}
{{ '{:s}'.format(1) }}
{{ '{:5}'.format([1]) }}
{{ '{0.__class__}'.format('') }}
{{ '{0.__class__.__mro__}'.format('') }}
{{ '%s %d %5.2f|%-5s|%05d|%x|%%' % ('a', 3, 2.5, 'b', 42, 255) }}|{{ '%s' % 'x' }}|{{ '%s' % [1] }}|{{ '%(a)s' % {'a': 1} }}|{{ '%r' % 'a' }}|{{ '%c%c' % (65, 'b') }}|{{ '%e %g %G' % (1.5, 1e10, 1e-10) }}|{{ '%+d % d %i %u' % (1, 2, 3, 4) }}|{{ '%.3s' % 'abcdef' }}|{{ '%*d' % (5, 3) }}|{{ '%#x %#o' % (255, 8) }}|{{ '%.3d' % 5 }}|{{ '%d' % 3.9 }}|{{ '%s' % none }}|{{ '%s %s' % (1, none) }}
{{ '%d' % 'a' }}
{{ '%s' % (1, 2) }}
{{ '%s %s' % 1 }}
{{ '%z' % 1 }}
{{ '%(a)s' % 1 }}
{{ '%' % 1 }}
{{ 'abc' % 5 }}
{{ 'abc' % {} }}|{{ 'abc' % [] }}|{{ 'abc' % () }}
{{ {'a': [1, 2.0, none, true, 'é"\\\n\u2028<>&\x7f\x01'], 'b': {}}|tojson }}|{{ []|tojson }}|{{ 'x'|tojson }}|{{ (1, 2)|tojson }}
{{ {'a': [1, {'b': 2}], 'c': [], 'd': {}}|tojson(indent=2) }}|{{ [1, 2]|tojson(indent=0) }}|{{ {'b': 1, 'a': 2}|tojson(sort_keys=true) }}|{{ {'a': 1}|tojson(separators=(',', ':')) }}|{{ 'é😀'|tojson(ensure_ascii=true) }}|{{ [1]|tojson(indent='--') }}
{{ {1: 2, none: 3, true: 4, 1.5: 5}|tojson }}|{{ 1e300 * 1e10 }}|{{ [1e400]|tojson }}
{{ {(1, 2): 3}|tojson }}
{{ undefined_name|tojson }}
{{ range(3)|tojson }}
{{ d.items()|tojson }}
{{ ns|tojson }}
{{ [3, 1, 2]|sort }}|{{ ['b', 'A', 'c']|sort }}|{{ ['b', 'A', 'c']|sort(case_sensitive=true) }}|{{ [1, 2]|sort(true) }}|{{ users|sort(attribute='age')|map(attribute='name')|list }}|{{ users|sort(attribute='age,name')|map(attribute='name')|join(',') }}|{{ 'bca'|sort }}|{{ d|sort }}
{{ [1, 'a']|sort }}
{{ [none, 1]|sort }}
{{ [{}, {}]|sort }}
{{ ['a', 'A', 'b', 'a']|unique|list }}|{{ ['a', 'A']|unique(true)|list }}|{{ [1, 1.0, true, 2]|unique|list }}|{{ users|unique(attribute='age')|map(attribute='name')|list }}
{{ [[1], [1]]|unique|list }}
{{ [1, 2, 3]|sum }}|{{ [1.5, 2]|sum }}|{{ users|sum('age') }}|{{ [[1], [2]]|sum(start=[]) }}|{{ []|sum }}|{{ [1]|sum(start=10) }}
{{ ['a']|sum }}
{{ [1, 5, 3]|min }}|{{ [1, 5, 3]|max }}|{{ ['b', 'A']|min }}|{{ ['b', 'A']|min(case_sensitive=true) }}|{{ users|max(attribute='age') }}|{{ []|min }}|{{ []|max is defined }}
{{ [1, 2, 3]|first }}|{{ [1, 2, 3]|last }}|{{ 'abc'|first }}|{{ 'abc'|last }}|{{ d|first }}|{{ d|last }}|{{ []|first }}|{{ []|last is defined }}|{{ d.items()|last }}|{{ l|map('string')|first }}
{{ l|map('string')|last }}
{{ 5|first }}
{{ [1, 2, 3]|map('string')|length }}
{{ [1, 2]|map('string')|list }}|{{ ['a', 'b']|map('upper')|join }}|{{ users|map(attribute='tags.0')|list }}|{{ users|map(attribute='zz', default='none')|list }}|{{ [[1, 2], [3]]|map('sum')|list }}|{{ ['a,b']|map('replace', ',', ';')|list }}|{{ [1, 2]|map('tojson')|list }}
{% if []|map('upper') %}yes{% else %}no{% endif %}|{% if users|selectattr('age', 'gt', 99) %}yes{% else %}no{% endif %}|{{ users|selectattr('age', 'gt', 99)|list|length }}
{{ [1, 2]|map }}
{{ [1, 2]|map('nosuch')|list }}
{{ [1, 2, 3, 4]|select('even')|list }}|{{ [0, 1, '']|select|list }}|{{ [1, 2, 3]|reject('odd')|list }}|{{ [1, 2, 3]|select('>', 1)|list }}|{{ ['a', 'b']|select('in', ['a'])|list }}|{{ [1, none]|reject('none')|list }}|{{ [1, 2]|select('equalto', 2)|first }}
{{ users|selectattr('age', 'equalto', 30)|map(attribute='name')|list }}|{{ users|rejectattr('tags')|map(attribute='name')|list }}|{{ users|selectattr('in', 'defined')|list|length }}|{{ users|selectattr('in.k.1', '==', 2)|map(attribute='name')|first }}|{{ users|selectattr('name', 'in', ['bob'])|list|count }}
{{ d|dictsort }}|{{ {'b': 1, 'A': 2}|dictsort(true) }}|{{ {'b': 1, 'a': 2}|dictsort(by='value') }}|{{ {'b': 1, 'a': 2}|dictsort(reverse=true) }}
{{ {'a': 1}|dictsort(by='x') }}
{{ l|dictsort }}
{{ {'a': 1}|items|list }}|{{ undefined_name|items|list }}
{{ [1]|items }}
{% for k, v in d|items %}{{ k }}{{ v }}{% endfor %}
{{ users|groupby('age') }}|{% for g in users|groupby('age') %}{{ g.grouper }}:{{ g.list|map(attribute='name')|join(',') }};{% endfor %}{% for a, b in ['x', 'Y', 'X']|map('string')|groupby(0) %}{{ a }}{{ b }}{% endfor %}
{{ [1, 2, 3, 4, 5]|batch(2)|list }}|{{ [1, 2, 3]|batch(2, 'x')|list }}|{{ [1, 2, 3, 4, 5]|slice(3)|list }}|{{ [1, 2, 3, 4]|slice(3, 'x')|list }}
{{ 42.55|round }}|{{ 42.55|round(1) }}|{{ 42.55|round(1, 'floor') }}|{{ 42.55|round(1, 'ceil') }}|{{ 5|round }}|{{ 2.5|round }}|{{ 3.5|round }}|{{ 1234|round(-2) }}|{{ 1250|round(-2) }}|{{ 1350|round(-2) }}|{{ 2.675|round(2) }}|{{ 42|round(0, 'ceil') }}|{{ -1.5|round }}|{{ 1234.5|round(-2) }}|{{ true|round }}
{{ 'a'|round }}
{{ 1|round(1, 'x') }}
{{ '42'|int }}|{{ '42.7'|int }}|{{ 'x'|int }}|{{ 'x'|int(5) }}|{{ '0x1f'|int(0, 16) }}|{{ '0x1f'|int(base=16) }}|{{ '101'|int(0, 2) }}|{{ 4.9|int }}|{{ none|int }}|{{ ' 12 '|int }}|{{ '1_000'|int }}|{{ '-3'|int }}|{{ true|int }}|{{ []|int }}|{{ '٣'|int }}
{{ '1.5'|float }}|{{ 'x'|float }}|{{ 'x'|float(2.5) }}|{{ 3|float }}|{{ '1e3'|float }}|{{ ' 2 '|float }}|{{ 'inf'|float }}|{{ '-Infinity'|float }}|{{ 'nan'|float }}|{{ '0x10'|float }}|{{ none|float }}
{{ undefined_name|int }}
{{ undefined_name|float }}
{{ -5|abs }}|{{ 5.5|abs }}|{{ -5.5|abs }}|{{ true|abs }}
{{ 'a'|abs }}
{{ 'a'|default('x') }}|{{ ''|default('x') }}|{{ ''|default('x', true) }}|{{ none|default('x') }}|{{ none|d('x', boolean=true) }}|{{ undefined_name|default }}|{{ d.zz|default('x') }}|{{ undefined_name|default(5) + 1 }}
{{ undefined_name.x|default('a') }}
{{ '<a href="x">\'&'|escape }}|{{ '<'|e|e }}|{{ '<'|safe }}|{{ ('<'|safe) + '>' }}|{{ '<' + ('>'|safe) }}|{{ ('<'|e) ~ '<' }}|{{ ('<%s>'|safe) % '<' }}|{{ [('<'|safe), '<'|e] }}|{{ ('a'|safe).upper() + '<' }}|{{ ('<'|safe)|forceescape }}|{{ '<{}>'|safe|string }}|{{ ('<{}>'|safe).format('<') }}
{{ 'a\nb\n\nc'|indent }}|{{ 'a\nb'|indent(2, true) }}|{{ 'a\n\nb'|indent(2, blank=true) }}|{{ 'a\nb'|indent('> ') }}|{{ ''|indent }}|{{ 'a\n'|indent(2) }}|{{ 'a'|indent(width=3, first=true) }}
{{ 5|indent }}
{{ 'Hello, world foo_bar 12'|wordcount }}|{{ ''|wordcount }}
{{ 'abc'|reverse }}|{{ [1, 2]|reverse|list }}|{{ (1, 2)|reverse|list }}|{{ d|reverse|list }}|{{ 'é😀'|reverse }}
{{ 5|reverse }}
{{ 'foo bar baz qux'|truncate(9) }}|{{ 'foo bar baz qux'|truncate(9, true) }}|{{ 'foo bar baz qux'|truncate(11) }}|{{ 'foo bar baz qux'|truncate(11, false, '...', 0) }}
{{ 'ab'|center(7) }}|{{ 'ab'.center(7) }}|{{ 'abc'.center(6) }}|{{ 'abc'.ljust(5, '*') }}|{{ 'abc'.rjust(5) }}|{{ '-5'.zfill(4) }}|{{ 'a\tb'.expandtabs() }}
{{ 'a'.center(5, 'xx') }}
{{ '%s-%s'|format('a', 'b') }}|{{ '%(x)s'|format(x=1) }}|{{ 'a b/c?d=é'|urlencode }}|{{ {'a b': 'c&d'}|urlencode }}
{{ 'abc'|length }}|{{ 'é😀'|length }}|{{ d|count }}|{{ ''|length }}|{{ 'abc'|list }}|{{ 'aXbX'|replace('X', '-') }}|{{ 'aaa'|replace('a', 'b', 2) }}|{{ 5|replace(5, 6) }}|{{ none|upper }}|{{ 5|string ~ 1 }}|{{ [1, 2]|join('-') }}|{{ users|join(',', attribute='name') }}|{{ ' x '|trim }}|{{ 'xax'|trim('x') }}
{{ none|length }}
{{ 5|length }}
{{ none|join }}
{{ none|list }}
{{ d|attr('keys')() }}|{{ d|attr('a') is defined }}|{{ 'x'|attr('upper')() }}
{{ 5 is divisibleby 5 }}|{{ 5 is divisibleby(2) }}|{{ 3 is odd }}|{{ 3 is not even }}|{{ 'a' is in 'abc' }}|{{ 1 is in [1] }}|{{ 'a' is eq 'a' }}|{{ 1 is sameas 1 }}|{{ none is none }}|{{ true is true }}|{{ 1 is true }}|{{ 1 is number }}|{{ true is number }}|{{ true is integer }}|{{ 'A' is upper }}|{{ 'a' is lower }}|{{ 'upper' is filter }}|{{ 'odd' is test }}|{{ 1.0 is integer }}|{{ range is callable }}
{{ 'a' is odd }}
{{ 1 is defined is none }}
{{ d is mapping }}|{{ l is sequence }}|{{ d is sequence }}|{{ d.items() is sequence }}|{{ 's' is iterable }}|{{ 5 is iterable }}|{{ range(3) is sequence }}|{{ l|map('string') is iterable }}|{{ l|map('string') is sequence }}|{{ none is iterable }}|{{ ns is mapping }}
{{ u.upper() }}|{{ u.lower() }}|{{ u.title() }}|{{ u|capitalize }}|{{ u.swapcase() }}|{{ u|title }}|{{ u.split() }}|{{ u[3:8] }}|{{ u|length }}
{{ 'abc'.isalpha() }}|{{ 'ab1'.isalnum() }}|{{ '12'.isdigit() }}|{{ '²'.isdigit() }}|{{ '²'.isdecimal() }}|{{ '½'.isnumeric() }}|{{ ' \t\n'.isspace() }}|{{ ''.isspace() }}|{{ 'Ab C'.istitle() }}|{{ 'aB'.islower() }}|{{ 'é'.isascii() }}
{{ 'a.b.c'.partition('.') }}|{{ 'a.b.c'.rpartition('.') }}|{{ 'abc'.partition('x') }}|{{ 'abc'.rpartition('x') }}|{{ 'abc'.removeprefix('a') }}|{{ 'abc'.removesuffix('c') }}
{{ f(*[1, 2], **{'c': 3}) }}
{% macro f(a, b, c) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(*[1, 2], **{'c': 3}) }}|{{ f(1, *[2], c=4) }}
{% macro f(a) %}{% endmacro %}{{ f(1, a=2) }}
{{ 'a' 'b' }}|{{ ['a' 'b', 'c'] }}|{{ [1, 2,] }}|{{ (1, 2,) }}|{{ {'a': 1,} }}|{{ () }}|{{ (1) }}
{{ deep.a[0].b.c }}|{{ deep['a'].0['b'].c }}|{{ deep.a.0.b['c'] }}|{{ deep.a[0]['zz'] }}|{{ users.0.name }}|{{ users[-1].in.k[1] }}
{{ deep.zz.b }}
{{ true }}{{ True }}{{ false }}{{ none }}{{ None }}{{ 1.0 }}{{ 1e3 }}
{% set true = 1 %}
{% set 5 = 1 %}
{% for loop in [1] %}{% endfor %}
{{ loop is defined }}
{% set loop = 5 %}{{ loop }}
{% if x is not defined %}u{% endif %}{% if not x %}f{% endif %}{% if 1 == 1 and 2 == 2 %}t{% endif %}
{% if n > 5 %}a{% elif n > 3 %}b{% else %}c{% endif %}{% if false %}{% elif true %}y{% else %}n{% endif %}
{%if true%}x{%endif%}{{1}}{%-if true-%}y{%-endif-%}
{% if true: %}x{% endif %}{% for i in [1]: %}{{ i }}{% endfor %}
{{ strftime_now('%Y-%m-%d %H:%M:%S|%d %b %Y|%A %B|%j|%%|%f|%z%Z|é') }}
{{ strftime_now('') }}|{{ strftime_now('no') }}
{{ strftime_now() }}
{{ strftime_now(5) }}
{{ '\ud83d' }}
{{ a.b if a is defined else 'none' }}|{{ d.a if d.a }}|{{ (d.b or 'x')|upper }}
{{ [1, 2, 3] | map('string') | join(', ') | upper | length }}
{{ -1|abs }}|{{ (-1)|abs }}|{{ 1 + 2|string|length }}|{{ 'a' ~ 1 + 2 }}|{{ 'a' ~ 'b' * 2 }}|{{ not 1 == 2 }}|{{ 3 - 2 - 1 }}|{{ 2 * 3 % 4 }}|{{ 10 // 3 * 3 }}
{{ [x for x in l] }}
{{ lambda x: x }}
{{ 1 if 2 else }}
{{ a = 1 }}
{{ 5 ; 6 }}
{{ $ }}
{{ a ? b : c }}
{{ 012 }}
{{ 1__0 }}
{{ 0x }}
{{ 1.e5 }}
{{ é }}|{% set é = 1 %}{{ é }}
{{ d . a }}|{{ d
.a }}|{{ 'x'
~ 'y' }}
{% set x = {'a': 1}
%}{{ x.a }}
{{ '}}' }}|{{ {'a': {'b': 1}}['a']['b'] }}|{{ {'a':{}}}}
{{ 'a'|upper|lower }}|{{ 'a' | upper }}|{{ ('a', 'b')|join }}|{{ 'b'|replace('b', 'a'|upper) }}
{{ messages|length }}{{ messages is defined }}
{% for m in users if m.age == 30 and m.tags %}{{ loop.index }}/{{ loop.length }}{{ m.name }}{{ loop.nextitem.name if loop.nextitem }}{% else %}none{% endfor %}
{% set ns = namespace(go=true) %}{% for i in range(6) if ns.go %}{{ i }}{% if i == 2 %}{% set ns.go = false %}{% endif %}{% endfor %}
{% for i in range(3) %}{{ i }}{% if not loop.last %}, {% endif %}{% endfor %}
{% set it = [1, 2, 3]|map('string') %}{{ it|list }}{{ it|list }}
{% set it = [1, 2, 3]|select('odd') %}{% for i in it %}{{ i }}{{ loop.length }}{% endfor %}{{ it|first is defined }}
{{ ('a', 'b') }}|{{ ('a',)|first }}|{{ {'a': (1, 2)} }}|{{ [none, true]|string }}|{{ [1.0, 1e100] }}
{{ 'x' if d.get('a') == 1 else 'y' }}|{{ d.get('zz') }}|{{ d.get('zz', []) }}|{{ d.get('zz', {}).get('a', 'deep') }}
{{ d.get() }}
{{ d.get('a', default=1) }}
{{ d.get([1]) }}
{{ 'abc'.upper(1) }}
{{ 'abc'.nosuch() }}
{{ l.sort() }}
""".strip("\n")


def hand_cases():
    lines, pending = [], ""
    for line in HAND.split("\n"):
        pending += line
        # A case goes on in the next line where it has to, to hold a newline.
        if pending.endswith(("\\", "{{ d", "{{ 'x'", "{% set x = {'a': 1}")):
            pending += "\n"
            continue
        lines.append(pending)
        pending = ""
    extra = ["{% if true %}\n  x\n{% endif %}\ny\n", "a\n  {%- if true %}\n  b\n  {%- endif %}\n",
             "{% for i in [1, 2] %}\n  - {{ i }}\n{% endfor %}\n\n", "  {# c #}\n  x\n",
             "\t{% set x = 1 %}\n{{ x }}\n", "x{{ 1 }}\n", "x\n\n", "\r\na\r{% if true %}\r\nb{% endif %}\r\n",
             "{% raw %}\n  {{ x }}\n  {% endraw %}\nz", "a {% if true -%}\n\n  b{%- endif %}\n c",
             "{{ 1 -}}  \n x {{- 2 }}", "{% macro m() %}\n x\n{% endmacro %}\n[{{ m() }}]",
             "  {%+ if true %}x{% endif %}\n", "{%- set x = 1 -%}\n\n{{ x }}", "", "\n", "{{''}}",
             "{% if true +%}\nx{% endif %}", "{#- a -#}\n  b", "é{{ 'é' }}\u00a0{%- if true %}x{% endif %}"]
    for template in lines + extra:
        yield {"template": template, "variables": VARIABLES, "clock": 1700000000}
