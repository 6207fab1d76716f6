"""Writes lkrshell/cli/help_text.py, the help of every command as click prints it: `python -m tools.helptext`.

Loading click takes longer than running five commands. Each text exists for wide terminals (100 columns and more) and
for 80 columns, which click also assumes when there is no terminal.
"""

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path

from lkrshell.cli import declare, help, main

FILE = Path(main.__file__).parent / "help_text.py"
_HEAD = '''"""The help of each command: for 100 columns and more, and for 80. Made by `make generated`; do not edit."""
# fmt: off

HELP: dict[str, tuple[str, str]] = {
'''


def paths() -> Iterator[str]:
    """Yields the words after `lkr` that have a help text."""
    yield ""
    for name in main.COMMANDS:
        yield name
        command = main.find(name)
        if isinstance(command, declare.Group):
            yield from (f"{name} {each}" for each in command.commands)


def by_click(path: str, columns: int) -> str:
    """Returns what click prints on a terminal with this many columns."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(columns)
    try:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            help.run([*path.split(), "--help"])
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    return out.getvalue()


def text() -> str:
    """Returns the module's text."""
    rows = [f'    "{path}": (\n{_quoted(by_click(path, 100))},\n{_quoted(by_click(path, 80))}),\n' for path in paths()]
    return f"{_HEAD}{''.join(rows)}}}\n"


def _quoted(page: str) -> str:
    return '"""\\\n' + page.replace("\\", "\\\\").replace('"""', '\\"\\"\\"') + '"""'


if __name__ == "__main__":
    FILE.write_text(text())
