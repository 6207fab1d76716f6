"""Finds what looks like a provider's key in any text: by the beginning of the key, or by the variable it is assigned
to.

The shapes come from `vendors/providers`, including the person's own providers. Pure, apart from reading those. Keeps
nothing.
"""

import base64
import binascii
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lkrshell.core import references
from lkrshell.core.secret import Secret
from lkrshell.scan.literals import compiled, has_re2
from lkrshell.vendors import providers

_LEAST, _MOST = 16, 512  # bytes after a prefix, or of a variable's value
_BODY = rb"[A-Za-z0-9_\-]"
_TOKEN = re.compile(_BODY + b"{1,%d}" % _MOST)
_LETTER = re.compile(rb"[A-Za-z0-9_\-]")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]{24,1024}={0,2}")
# What joins a variable's name to its value in shells, JSON, YAML, Docker, PAM, fish, and code.
_JOINED = (
    rb"""\\{0,3}["'`\])]{0,3}(?:[ \t]*(?::=|=>|=|:|,)|[ \t]+(?:DEFAULT|OVERRIDE)=|[ \t]|[ \t]*\r?\n[ \t]*"?value"?:)"""
)
_VALUE = re.compile(rb"""[ \t]*\\{0,3}["'`]?([A-Za-z0-9+/=_.:~\-]{16,512})(?![A-Za-z0-9+/=_.:~\-(\[])""")
# Placeholders that people write instead of a key.
_EXAMPLE = re.compile(
    rb"your|example|placeholder|dummy|changeme|change[-_]me|redacted|insert|x{5}|\.\.\.|(.)\1{7}", re.I | re.S
)
_WORD = rb"(?:[a-z]{1,16}|[A-Z]{1,16}|[A-Z][a-z]{1,15}|[0-9]{1,4})"
_WORDS = re.compile(
    rb"%b(?:[-_./:]%b)*|[A-Za-z]{1,16}[0-9]{0,4}(?:[-_./:][A-Za-z]{1,16}[0-9]{0,4}){2,}" % (_WORD, _WORD)
)


@dataclass(frozen=True)
class Shape:
    """A place that looks like a key, the provider, and the value. `named`: found through its variable, otherwise
    empty."""

    start: int
    end: int
    provider: str
    value: Secret
    named: str = ""
    form: str = ""


class _Table:
    """The providers' shapes, compiled."""

    def __init__(self, known: "list[tuple[str, providers.Provider]]") -> None:
        self.prefixes: dict[bytes, str] = {}
        self.variables: dict[bytes, str] = {}
        self.whole: list[tuple[re.Pattern[bytes], str]] = []
        for name, each in known:
            if len(each.prefix) > 2:
                self.prefixes.setdefault(each.prefix.encode(), name)
            elif each.shape:
                self.whole.append((re.compile(rb"(?<![\w-])(?:%b)(?![\w-])" % each.shape.encode()), name))
            for variable in (each.variable, *each.aliases):
                self.variables.setdefault(variable.lower().encode(), name)
        self.shapes = {name: re.compile(each.shape.encode()) for name, each in known if each.shape}
        self.encoded = {base64.b64encode(each)[: len(each) * 8 // 6]: each for each in self.prefixes}
        begins = _any_of(self.prefixes), _BODY, _any_of(self.encoded), _any_of(self.variables), _JOINED
        pattern = b"(?:%b)%b{16}|(?:%b)[A-Za-z0-9+/]{20}|(?i:%b)%b" % begins
        self._pattern: Any = compiled(pattern)
        self._likely = None if has_re2() else _Likely(self.prefixes, self.encoded, self.variables)

    def matches(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yields the start and end of each place where a key or its variable may begin, from left to right."""
        if self._likely:
            places = (self._pattern.match(data, start) for start in self._likely.starts(data))
            yield from (match.span() for match in places if match)
            return
        at = 0
        while match := self._pattern.search(data, at):
            yield match.span()
            at = match.start() + 1

    def provider(self, value: bytes) -> str:
        """Returns the provider with the longest matching prefix; empty when none matches."""
        fits = [prefix for prefix in self.prefixes if value.startswith(prefix)]
        return self.prefixes[max(fits, key=len)] if fits else ""


class _Likely:
    """Finds the places that are worth a closer look, without RE2.

    Python's own patterns try each alternative at each character. So this class looks for long words, few of which begin
    like a key, and for the last letters of variables.
    """

    _END = 5  # letters of a variable

    def __init__(self, prefixes: Iterable[bytes], encoded: Iterable[bytes], variables: Iterable[bytes]) -> None:
        self._heads = (*prefixes, *encoded)
        shortest = min(map(len, self._heads), default=0) + _LEAST
        letters = [each for each in map(bytes, zip(range(256), strict=True)) if _LETTER.match(each)]
        others = sorted({each for head in self._heads for each in head if bytes([each]) not in letters} | {*b"+/"})
        self._classes = bytes(97 if bytes([each]) in letters or each in others else 32 for each in range(256))
        self._word = b"a" * shortest
        self._within = re.compile(b"[%b](?=%b)" % (re.escape(bytes(others)), _any_of(self._heads)))
        self._variables = tuple(variables)
        self._longest = max(map(len, self._variables), default=0)
        self._ends = {each[-self._END :] for each in self._variables}

    def starts(self, data: bytes) -> list[int]:
        """Returns where keys and variables may begin, from left to right."""
        return sorted({*self._of_keys(data), *self._of_variables(data.lower())})

    def _of_keys(self, data: bytes) -> Iterator[int]:
        """A key begins where a word begins, or after a character that keys do not contain."""
        classes, end = data.translate(self._classes) + b" ", 0
        while (start := classes.find(self._word, end)) >= 0:
            end = classes.find(b" ", start)
            if data.startswith(self._heads, start):
                yield start
            yield from (match.end() for match in self._within.finditer(data, start, end))

    def _of_variables(self, data: bytes) -> Iterator[int]:
        for last in self._ends:
            at = data.find(last)
            while at >= 0:
                end = at + len(last)
                name = data[max(0, end - self._longest) : end]
                if name.endswith(self._variables):
                    yield end - max(len(each) for each in self._variables if name.endswith(each))
                at = data.find(last, end)


def _any_of(words: Iterable[bytes]) -> bytes:
    """Returns a pattern for these words, the longest first."""
    return b"|".join(re.escape(each) for each in sorted(words, key=len, reverse=True))


_tables: "list[tuple[dict[str, providers.Provider], _Table]]" = []


def _table() -> _Table:
    known = providers.known()
    if not _tables or _tables[0][0] is not known:
        _tables[:] = [(known, _Table(providers.likely_first()))]
    return _tables[0][1]


def find(data: bytes) -> Iterator[Shape]:
    """Yields what looks like a key in `data`, from left to right."""
    table, at = _table(), 0
    for start, end in table.matches(data):
        if start < at:
            continue
        found = None
        if not (start and _LETTER.match(data, start - 1)) or _ends_a_name(data, start, table):
            found = _at(data, start, end, table)
        if found:
            yield found
        at = found.end if found else _after(data, start, end, table)
    for pattern, name in table.whole:
        for each in pattern.finditer(data):
            yield Shape(*each.span(), name, _secret(each[0]))


def _after(data: bytes, start: int, end: int, table: _Table) -> int:
    """Returns where to go on after a miss. Another key may begin in the middle of it."""
    name = data[start:end].lower()
    return end if any(name.startswith(each) for each in table.variables) else start + 1


def _ends_a_name(data: bytes, start: int, table: _Table) -> bool:
    """True for `MY_OPENAI_API_KEY` and `-dOPENAI_API_KEY`. A prefix of a key must not follow a letter or digit."""
    word = data[start : start + 64].lower()
    return any(word.startswith(each) for each in table.variables)


def _at(data: bytes, start: int, end: int, table: _Table) -> Shape | None:
    word = data[start : start + 64].lower()
    for variable, provider in table.variables.items():
        if word.startswith(variable):
            return _named(data, end, data[start : start + len(variable)].decode(), provider, table)
    match = _BASE64.match(data, start)
    if match and any(match[0].startswith(each) for each in table.encoded):
        return _decoded(match, table)
    match = _TOKEN.match(data, start)
    value = match[0] if match else b""
    provider = table.provider(value)
    if match and provider and _is_key(value, provider, table):
        return Shape(*match.span(), provider, _secret(value))
    return None


def _named(data: bytes, end: int, variable: str, provider: str, table: _Table) -> Shape | None:
    match = _VALUE.match(data, end)
    if match is None:
        return None
    value = match[1]
    by_prefix = table.provider(value)
    if not (_is_key(value, by_prefix, table) if by_prefix else is_random(value)):
        return None
    return Shape(*match.span(1), by_prefix if by_prefix not in ("", "openai") else provider, _secret(value), variable)


def _decoded(match: re.Match[bytes], table: _Table) -> Shape | None:
    text = match[0].rstrip(b"=")
    try:
        value = binascii.a2b_base64(text + b"=" * (-len(text) % 4))
    except binascii.Error:  # cut after the first of four characters
        return None
    plain = re.match(_BODY + b"+", value)
    provider = table.provider(value)
    if plain and provider and len(plain[0]) >= len(value.rstrip(b"\n")) and _is_key(plain[0], provider, table):
        return Shape(*match.span(), provider, _secret(plain[0]), form="base64")
    return None


def _secret(value: bytes) -> Secret:
    return Secret(value.decode("utf-8", "surrogateescape"))


def _is_key(value: bytes, provider: str, table: _Table) -> bool:
    """True when the rest looks like a key, too."""
    shape = table.shapes.get(provider)
    if shape:
        return bool(shape.fullmatch(value))
    prefix = max((each for each in table.prefixes if value.startswith(each)), key=len)
    body = value[len(prefix) :]
    return len(body) >= _LEAST and is_random(body, named=False)


def is_random(value: bytes, named: bool = True) -> bool:
    """True for text that nobody would write by hand."""
    if _EXAMPLE.search(value) or _WORDS.fullmatch(value) or references.is_reference(value.decode("latin-1")):
        return False
    counts = Counter(value)
    bits = -sum(each / len(value) * math.log2(each / len(value)) for each in counts.values())
    if bits < 2.8:
        return False
    digits = sum(48 <= each <= 57 for each in value)
    if digits < len(value) and digits:
        return True
    return bits >= 4 and not (named and re.search(rb"[._/:-]", value))
