"""Lays out what several commands show on a terminal: tables by provider, wrapped sentences, named fields.

Without a terminal, nothing is added and no line is broken.
"""

import sys

from lkrshell.cli import output
from lkrshell.core import names
from lkrshell.core.text import show
from lkrshell.state.paths import tilde

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TextIO

_GROUPED = 12  # rows; a longer table has a line between providers
_READABLE = 100  # columns; wider sentences are hard to read


def by_provider(
    headings: "Sequence[str]",
    rows: "Sequence[Sequence[str]]",
    colors: "Sequence[Sequence[str]]",
    about: "Callable[[str], str] | None" = None,
) -> str:
    """Returns a table of keys, with their names in the first column. A long table has a group for each provider.

    With `about`, each group has a heading: the provider, and what `about` says about it.
    """
    lines = output.table(headings, rows, colors).splitlines(keepends=True)
    if is_grouped([row[0] for row in rows]):
        of = [names.provider_of(row[0]) for row in rows]
        for at in range(len(rows) - 1, -1, -1):
            if at == 0 or of[at] != of[at - 1]:
                title = f"\n{heading(of[at])}  {about(of[at])}".rstrip() + "\n" if about else "\n" * (at > 0)
                lines.insert(at + 1, title)
    return "".join(lines)


def is_grouped(keys: "Sequence[str]") -> bool:
    """True if a table of these keys is shown in groups: it is long, and most providers have several keys."""
    return sys.stdout.isatty() and len(keys) > max(_GROUPED, 2 * len(set(map(names.provider_of, keys))))


def in_order(keys: "Iterable[str]") -> list[str]:
    """The keys sorted, with `openai:2` before `openai:10`."""
    import re

    return sorted(keys, key=lambda key: re.sub(r"\d+", lambda number: number[0].zfill(names.MAX_NAME), key))


def columns_left(headings: "Sequence[str]", rows: "Sequence[Sequence[str]]") -> int:
    """How much width the terminal has left beside these columns of a table. Negative if they do not fit."""
    lines = [headings, *rows]
    taken = sum(max(output.columns(line[column]) for line in lines) + 2 for column in range(len(headings)))
    return output.width() - taken


def short_path(path: str, most: int) -> str:
    """`path` cut to at most `most` columns. Keeps its end, since the last folder tells projects apart."""
    shown = show(tilde(path))
    return shown if output.columns(shown) <= most else "…" + output.fitting(shown, most - 1, end=True)


def short_paths(paths: "Sequence[str]", most: int) -> str:
    """The first path and the number of others, cut to at most `most` columns."""
    more = f" +{len(paths) - 1}" if len(paths) > 1 else ""
    return short_path(paths[0], most - len(more)) + more if paths else ""


def heading(text: str) -> str:
    """`text` in bold if stdout has colors."""
    return output.style(text, bold=True) if output.colors(sys.stdout) else text


def wrapped(text: str, indent: int, stream: "TextIO", first: int = 0) -> str:
    """`text` in lines that fit the terminal; after the first, each begins with `indent` spaces. Unchanged off a
    terminal.

    `first` is how many columns of the first line are taken. No word is cut, so commands and paths stay whole.
    """
    if not stream.isatty():
        return text
    room = min(output.width(), _READABLE)
    import textwrap

    lines = textwrap.wrap(
        " " * first + text if first else text, room, subsequent_indent=" " * indent, break_long_words=False,
        break_on_hyphens=False, drop_whitespace=True,
    )  # fmt: skip
    return "\n".join(lines).lstrip() if lines else text


def fields(pairs: "Sequence[tuple[str, str]]") -> str:
    """A line for each name and its text, aligned."""
    widest = max(len(name) for name, _ in pairs)
    return "".join(f"{heading(name.ljust(widest))}  {text}\n" for name, text in pairs)


def changes(lines: "Sequence[str]", stream: "TextIO") -> list[str]:
    """Lines `+ VARIABLE ← key`. On a terminal the arrows are aligned; additions are green, removals red."""
    if not stream.isatty():
        return list(lines)
    widest = max((len(line.partition(" ← ")[0]) for line in lines), default=0)
    out = []
    for line in lines:
        variable, arrow, key = line.partition(" ← ")
        text = variable.ljust(widest) + arrow + key if arrow else line
        out.append(marked(text, {"+": "green", "-": "red"}.get(line[:1], ""), stream))
    return out


def marked(text: str, color: str, stream: "TextIO") -> str:
    """`text` in this color if the stream has colors."""
    return output.style(text, fg=color) if output.colors(stream) else text
