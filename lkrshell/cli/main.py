"""The command line: loads only the module of the command, runs it, and turns errors into exit codes."""

import io
import os
import sys

from lkrshell.cli import declare, output
from lkrshell.core.errors import LkrError, StoreLocked, WrongPassphrase
from lkrshell.core.text import show

# In the order of the help: commands that a newcomer needs come first.
GROUPS = {
    "Start": ("init", "install", "uninstall", "doctor"),
    "Keys": ("set", "get", "list", "rm", "rename", "rotate", "import", "migrate", "vault", "usage"),
    "Shared stores": ("source", "login", "logout", "refresh", "team", "seal", "unseal"),
    "Projects": ("status", "allow", "deny", "add", "edit", "use", "exec", "gen", "schema"),
    "Agents": ("agent-env", "broker", "token"),
    "Security": ("scan", "redact", "lock", "unlock", "passwd", "policy", "confirm", "audit", "report"),
    "Shell": ("hook", "export"),
}
COMMANDS = tuple(sorted(name for group in GROUPS.values() for name in group))
ALIASES = {"ls": "list"}
_GO_ON = ("init", "import", "migrate", "scan", "vault import", "vault rekey")  # do the rest when they run again


def find(name: str) -> "declare.Command | declare.Group | None":
    """The command with this name or alias; None if there is none."""
    name = ALIASES.get(name, name)
    if name not in COMMANDS:
        return None
    module = __import__(f"lkrshell.cli.cmd_{name.replace('-', '_')}", fromlist=["command"])
    found: declare.Command | declare.Group = module.command
    return found


def run(arguments: list[str]) -> int:
    """Runs a command and returns the exit code. Shows a traceback only with LKR_DEBUG=1."""
    _open_streams()
    try:
        try:
            result = _plain(arguments)
        except WrongPassphrase:
            raise
        except StoreLocked:
            from lkrshell.runtime import unlocking

            if not unlocking.on_demand():
                raise
            result = _plain(arguments)
        return result if isinstance(result, int) else 0
    except LkrError as error:
        declare.echo(f"lkr: {show(str(error))}", err=True)
        return error.code
    except KeyboardInterrupt:
        declare.echo(f"lkr: {_stopped(arguments)}", err=True)
        return 130
    except BrokenPipeError:
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError:
            pass
        return 1
    except Exception as error:
        if os.environ.get("LKR_DEBUG") == "1":
            raise
        what = type(error).__name__
        if isinstance(error, OSError) and error.strerror:
            what = f"{show(os.fsdecode(error.filename))}: {error.strerror}" if error.filename else error.strerror
        declare.echo(f"lkr: unexpected error: {what}; LKR_DEBUG=1 shows where", err=True)
        return 1


def _stopped(arguments: list[str]) -> str:
    """Says after Ctrl-C or a no whether something was changed before it."""
    from lkrshell.state import files

    if not files.may_have_changed():
        return "stopped, nothing was changed"
    goes_on = any(" ".join(arguments[:words]) in _GO_ON for words in (1, 2))
    return "stopped; what was done until then stays" + ", and running it again continues" * goes_on


def _open_streams() -> None:
    """Opens standard streams that are closed, so that no file of ours takes their place.

    Then there is no input, messages are dropped, and output fails. Characters that the locale lacks become escapes.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_WRONLY if name == "stderr" else os.O_RDONLY)
            if opened != number:
                os.dup2(opened, number, inheritable=False)
                os.close(opened)
            setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w", encoding="utf-8", closefd=False))
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def _plain(arguments: list[str]) -> object:
    """Runs plain calls, and leaves everything else to click."""
    words = list(arguments)
    if not words:
        words = ["status"] if _in_project() else ["--help"]
    if text := _help(words):
        declare.echo(text, nl=False)
        return 0
    command = find(words[0])
    if isinstance(command, declare.Group):
        command, rest = command.find(words[1:])
        words = ["", *rest]
    if command is not None:
        given: list[declare.Parameter] = []
        values = command.parse(words[1:], given)
        if values is not None:
            return command.run(values, given)
    from lkrshell.cli.help import run as run_with_click

    return run_with_click(arguments or words)


def _help(words: list[str]) -> str:
    """The help that `words` ask for, as click would write it; empty if only click can."""
    if words[0] == "help":
        words = [*words[1:], "--help"]
    if words[-1] not in ("--help", "-h"):
        return ""
    from lkrshell.cli.help_text import HELP

    wide, narrow = HELP.get(" ".join(words[:-1]), ("", ""))
    given = os.environ.get("COLUMNS", "")
    columns = int(given) if given.isdecimal() and int(given) else output.width()
    # A wider terminal does not change the wrapping. But click shortens the descriptions of a group's commands to fit.
    fits = max(map(len, wide.splitlines()), default=0) <= columns - 2 and "\nCommands:\n" not in wide
    if columns >= 100 or fits:
        return wide
    return narrow if columns == 80 else ""


def _in_project() -> bool:
    from lkrshell.project import lookup

    return lookup.find(lookup.current_folder()) is not None
