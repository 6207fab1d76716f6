"""Writes lkrshell/vendors/builtin.py from providers.toml: `python -m tools.providers`. Reading TOML at run time would
take longer than a whole `lkr list`."""

from pathlib import Path

from lkrshell.vendors import providers

VENDORS = Path(providers.__file__).parent
_HEAD = '''"""providers.toml as a Python module: variable, aliases, prefix, shape, docs.

Made by `make generated`; do not edit.
"""
# ruff: noqa: E501

BUILTIN: dict[str, tuple[str, tuple[str, ...], str, str, str]] = {
'''


def text() -> str:
    """Returns the module's text."""
    found = providers.parse((VENDORS / "providers.toml").read_bytes())
    rows = [
        f"    {_quoted(name)}: ({_quoted(each.variable)}, {_several(each.aliases)}, {_quoted(each.prefix)}, "
        f"{_quoted(each.shape)}, {_quoted(each.docs)}),\n"
        for name, each in found.items()
    ]
    return f"{_HEAD}{''.join(rows)}}}  # fmt: skip\n"


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _several(words: tuple[str, ...]) -> str:
    return f"({', '.join(map(_quoted, words))}{',' * (len(words) == 1)})"


if __name__ == "__main__":
    (VENDORS / "builtin.py").write_text(text())
