"""Keys that need the person's confirmation before a project first loads them in a session: asks, and remembers the
answer.

The confirmations are one record in the kernel's keyring or on a memory file system, with lines DEADLINE, folder, key.
`lkr lock` and a restart remove it, and each line expires after `lock_limit` seconds. An export calls `is_confirmed`,
which never asks.
"""

import os

from lkrshell.core import platform, records
from lkrshell.core.binding import shown
from lkrshell.core.errors import REFUSED, LkrError
from lkrshell.core.text import show
from lkrshell.state import generation, memory, paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from lkrshell.core import policy
    from lkrshell.core.binding import Binding
    from lkrshell.state.config import Config

_KEPT = 100  # confirmations; with long paths, more do not fit into a kernel key


def _name() -> str:
    """The record's name. It includes the folder's inode, since containers of one user share a keyring and often
    paths."""
    folder = os.path.realpath(paths.data_dir())
    try:
        info = os.stat(folder)
    except OSError:
        return "lkr-confirm:" + records.digest(os.fsencode(folder))
    return "lkr-confirm:" + records.digest(os.fsencode(f"{folder}\n{info.st_dev}\n{info.st_ino}"))


def _rows() -> list[list[str]]:
    """The confirmations that have not expired."""
    import time

    try:
        rows = records.load(memory.get(_name()) or b"\n")
    except ValueError:
        return []
    return [row for row in rows if len(row) == 3 and row[0].isdecimal() and time.time() < int(row[0])]


def is_confirmed(folder: str, key: str) -> bool:
    """True if the person has confirmed `key` for the project at the real path `folder` in this session."""
    return any((folder, key) == (row[1], row[2]) for row in _rows())


def forget() -> None:
    """Forgets all confirmations."""
    memory.forget(_name())


def ask(
    bindings: "list[Binding]",
    consumer: "policy.Consumer",
    settings: "Config",
    record: "Callable[[str, list[Binding]], None]",
    may_ask: bool = True,
) -> None:
    """Asks the person whether the consumer's project may have these keys. Returns after a yes.

    Remembers the yes, and makes live shells check again, since they may load these keys now. `record` writes a line of
    the audit log, for an event (`confirm` or `refused`) and keys. LkrError (2) after a no, for a coding agent, and if
    nobody can be asked or `may_ask` is False.
    """
    try:
        _ask(bindings, consumer.folder, consumer.agent, settings, may_ask)
    except LkrError:
        record("refused", bindings)
        raise
    generation.bump()
    record("confirm", bindings)


def _ask(bindings: "list[Binding]", folder: str, agent: str | None, settings: "Config", may_ask: bool) -> None:
    import time

    what = " ".join(f"{binding.variable} ({shown(binding.key)})" for binding in bindings)
    if agent:
        hint = "run it yourself: lkr confirm"
        raise LkrError(f"a coding agent ({agent}) cannot confirm {what}", hint, REFUSED)
    if not may_ask:
        raise _nobody()
    if not _says_yes(f"Let {show(folder)} have {what}?", settings):
        raise LkrError(f"{what} was not confirmed", "nothing was loaded", REFUSED)
    end = str(int(time.time()) + settings.lock_limit)
    rows = [tuple(row) for row in _rows()] + [(end, folder, binding.key) for binding in bindings]
    memory.put(_name(), records.dump(rows[-_KEPT:]), settings.lock_limit)


def _says_yes(question: str, settings: "Config") -> bool:
    from lkrshell.system import pinentry, terminal

    if settings.pinentry:
        return pinentry.confirm(settings.pinentry, question)
    if platform.DARWIN:
        from lkrshell.system import macos_objects

        try:  # macOS puts "python is trying to" in front of this text
            return macos_objects.authenticate(question[:1].lower() + question[1:].rstrip("?"))
        except macos_objects.NobodyToAsk:
            pass
    try:
        return terminal.ask(question)
    except LkrError:
        if program := pinentry.graphical():
            return pinentry.confirm(program, question)
        raise _nobody() from None


def _nobody() -> LkrError:
    hint = "run lkr confirm on a terminal"
    return LkrError("there is no terminal to ask on, and no graphical pinentry", hint, REFUSED)
