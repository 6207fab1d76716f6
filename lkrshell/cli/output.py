"""Output for a person at a terminal: tables cut to its width, colors with a meaning, times in words.

Without a terminal, a table has no headings, no colors and complete lines, for `grep` and `cut`.
"""

import os
import sys

from lkrshell.core import clock
from lkrshell.core.clock import span as span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

_CODES = {"red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_STEPS = ((60, "second"), (60, "minute"), (24, "hour"), (7, "day"), (5, "week"))


def colors(stream: "TextIO") -> bool:
    """True for a terminal with colors, unless NO_COLOR (no-color.org) is set and not empty."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def style(text: str, fg: str = "", bold: bool = False, dim: bool = False) -> str:
    """`text` between the codes of ECMA-48 (SGR) for a color, bold or dim."""
    chosen = (("1", bold), ("2", dim), (_CODES.get(fg, ""), fg in _CODES))
    codes = [code for code, wanted in chosen if wanted]
    return f"\033[{';'.join(codes)}m{text}\033[0m" if codes else text


def width() -> int:
    """The width of the terminal at stdout; 80 if it cannot be detected."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def table(
    headings: "Sequence[str]",
    rows: "Sequence[Sequence[str]]",
    colors_of: "Sequence[Sequence[str]]" = (),
) -> str:
    """A table with aligned columns. On a terminal it has headings, and the widest columns are cut until all lines fit.

    The first column is never cut, since it tells the rows apart.

    `colors_of` names a color for each cell; an empty string means no color.
    """
    terminal = sys.stdout.isatty()
    lines = [tuple(headings), *map(tuple, rows)] if terminal else list(map(tuple, rows))
    if not lines:
        return ""
    widths = [max(columns(line[column]) for line in lines) for column in range(len(headings))]
    if terminal:
        _cut(widths, width())
    colored = terminal and colors(sys.stdout)
    out = []
    for number, line in enumerate(lines):
        cells = []
        for column, text in enumerate(line):
            text = cut(text, widths[column])
            last = column == len(line) - 1
            padded = text if last else text + " " * (widths[column] - columns(text))
            if colored:
                row = number - 1
                named = colors_of[row][column] if row >= 0 and colors_of else ""
                padded = style(padded, bold=row < 0 or named == "bold", dim=named == "dim", fg=named)
            cells.append(padded)
        out.append("  ".join(cells).rstrip())
    return "\n".join(out) + "\n"


def _cut(widths: list[int], room: int) -> None:
    """Narrows the widest columns, except the first, until the line fits. No column becomes narrower than 8."""
    while len(widths) > 1 and sum(widths) + 2 * (len(widths) - 1) > room:
        widest = max(range(1, len(widths)), key=widths.__getitem__)
        if widths[widest] <= 8:
            return
        widths[widest] -= 1


def columns(text: str) -> int:
    """How many columns of a terminal `text` takes: Chinese, Japanese and Korean characters and emoji take two."""
    if text.isascii():
        return len(text)
    import unicodedata

    wide = sum(unicodedata.east_asian_width(each) in ("W", "F") for each in text)
    return len(text) + wide - sum(unicodedata.combining(each) != 0 for each in text)


def fitting(text: str, most: int, end: bool = False) -> str:
    """As much of the beginning or the end of `text` as fits into `most` columns."""
    while text and columns(text) > most:
        text = text[1:] if end else text[:-1]
    return text


def cut(text: str, most: int) -> str:
    """`text`, or as much of its beginning as fits into `most` columns with `…` behind it. Of a text that begins with
    `…`, the end stays."""
    if columns(text) <= most:
        return text
    return "…" + fitting(text, most - 1, end=True) if text[0] == "…" else fitting(text, most - 1) + "…"


def ago(seconds: float) -> str:
    """How long ago something was, in one unit: `just now`, `3 minutes ago`, `2 weeks ago`, `11 months ago`."""
    if seconds < 10:
        return "just now"
    count = seconds
    for size, unit in _STEPS:
        if count < size:
            return f"{int(count)} {unit}{'' if int(count) == 1 else 's'} ago"
        count /= size
    days = seconds / 86400
    count, unit = (days / 30.44, "month") if days < 365 else (days / 365.25, "year")
    return f"{int(count)} {unit}{'' if int(count) == 1 else 's'} ago"


def since(date: str) -> str:
    """How long ago a date was, in words."""
    import time

    return ago(time.time() - clock.seconds(date))
