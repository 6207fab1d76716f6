"""A key's value on its way through the program. Printing or formatting it shows a mask; pickling it fails.

Also the serialization that all stores use: `{"value": …, "kind": …}`, the format of the Rust `lkr` (service
`com.llm-key-ring`).
"""

MAX_VALUE = 65536  # bytes; more than any vendor's key, less than execve accepts for one variable


class Secret:
    """A value and its kind (`runtime` or `admin`). Only `reveal` gives the value."""

    __slots__ = ("_value", "kind")

    def __init__(self, value: str, kind: str = "runtime") -> None:
        self._value = value
        self.kind = kind

    def reveal(self) -> str:
        """The value. Bytes that are not UTF-8 are surrogate escapes (PEP 383)."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('****')"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a Secret is not pickled")

    def __copy__(self, memo: object = None) -> "Secret":
        return self

    __deepcopy__ = __copy__  # dataclasses.asdict copies what it holds

    def dump(self) -> bytes:
        """As JSON, ASCII only."""
        import json

        return json.dumps({"value": self._value, "kind": self.kind}).encode("ascii")


_HEAD, _MIDDLE, _TAIL = '{"value": "', ', "kind": "', '"}'


def parse_secret(data: bytes) -> Secret:
    """Parses what a store holds into a Secret.

    What `dump` writes is read without the json module, which takes 6 ms to load. Other JSON, as the Rust `lkr` writes,
    is read with it. Anything else is a plain value of kind `runtime`.
    """
    text = data.decode("utf-8", "surrogateescape")
    if text.startswith(_HEAD):
        try:
            end = text.find('"', len(_HEAD)) + 1
            value = text[len(_HEAD) : end - 1]
            if "\\" in value or not value.isprintable():
                from _json import scanstring

                value, end = scanstring(text, len(_HEAD), True)
            kind = text[end + len(_MIDDLE) : -len(_TAIL)]
            if text[end : end + len(_MIDDLE)] == _MIDDLE and text.endswith(_TAIL) and kind in KINDS:
                return Secret(value, kind)
        except (ImportError, ValueError):
            pass
    if text.lstrip().startswith("{"):
        import json

        try:
            item = json.loads(text)
        except ValueError:
            item = None
        if isinstance(item, dict) and isinstance(item.get("value"), str):
            return Secret(item["value"], "admin" if item.get("kind") == "admin" else "runtime")
    return Secret(text)


KINDS = ("runtime", "admin")
