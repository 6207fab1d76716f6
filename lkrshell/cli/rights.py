"""What a coding agent may do: one table of commands and options, closed by default.

A command that has no row here, and an option that its row does not name, are refused to agents before the command reads
or writes anything. `declare.Command.run` asks `check` before every command of the program, subcommands too. The short
ways around it (`__main__`, `dispatch`) lead to commands whose row gives what they do there.
"""

from lkrshell.cli import common, declare
from lkrshell.core import names
from lkrshell.project import lookup
from lkrshell.state import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# Command: the options that an agent may use, and what it gets. `lkr doctor --agents` prints this.
ROWS: dict[str, tuple[str, str]] = {
    "agent-env": (
        "--agent",
        "starts an agent, under its own name, without the shell's keys, except those that policy lets it have",
    ),
    "audit": ("--key --event --project --days --follow --json", "its own lines of the log"),
    "broker": ("--json", "whether the broker is running, and its own virtual keys"),
    "doctor": ("--agents --json", "the diagnosis, without changing anything"),
    "exec": (
        "-k --clean --broker --redact",
        "the keys that the allowed manifest of its folder names, as each key's policy permits",
    ),
    "export": ("", "the keys that policy lets its shell have"),
    "hook": ("", "the shells' hooks"),
    "list": ("--json", "names of runtime keys"),
    "lock": ("", "locks the store"),
    "scan": (
        "--no-stored --json --sarif --history --since --staged --push",
        "where its own project has keys in plain text, without the values",
    ),
    "redact": ("--hook", "a filter that replaces stored keys in its input with their names"),
    "refresh": ("--json", "fetches again the keys that the allowed manifest names, and shows no value"),
    "schema": ("--local", "the manifest's JSON Schema"),
    "usage": ("--by --since --days --csv --json", "what its folder's project used through the broker"),
    "source list": ("--json", "where keys come from"),
    "status": ("--json --short", "names of what is loaded here, and why"),
    "team audit": ("--json", "which keys to rotate"),
    "team check": ("--json", "whether the sealed keys are in order"),
    "team list": ("--json", "who can open which sealed key"),
    "token": ("", "a virtual key for a key that the allowed manifest of its folder names, unless policy says deny"),
}


def check(command: declare.Command, values: "dict[str, Any]", given: list[declare.Parameter]) -> None:
    """Raises LkrError (2), and records the refusal, if a coding agent may not do this."""
    action = values.get("action")  # `lkr broker stop` has its own row, or no row
    path = f"{command.path} {action}" if action else command.path
    options, _ = ROWS.get(path, (None, ""))
    if options is not None and all(set(option.flags) & set(options.split()) for option in given):
        return
    if who := common.agent():
        keys = list(dict.fromkeys(_keys(values)))
        words = ["lkr", path, *(max(each.flags, key=len) for each in given if each.is_flag), *keys]
        folder = paths.real(lookup.current_folder())
        message, hint = f"a coding agent ({who}) may not do this", f"the user can run: {' '.join(words)}"
        raise common.refused(message, hint, *keys, project=folder)


def _keys(values: "dict[str, Any]") -> "Iterator[str]":
    """Yields the names of keys among the words. Other words are not repeated, since they could be values."""
    for value in values.values():
        for word in value if isinstance(value, tuple) else (value,):
            if isinstance(word, str) and names.is_key(name := word.rpartition("=")[2]):
                yield name


def commands() -> "Iterator[declare.Command]":
    """Yields all commands of the program, without groups that only contain commands."""
    from lkrshell.cli import main

    for name in main.COMMANDS:
        found = main.find(name)
        if isinstance(found, declare.Group):
            yield from found.commands.values()
        elif found is not None:
            yield found


def table() -> "list[dict[str, Any]]":
    """Returns the table, with a row for each command."""
    return [
        {"command": each.path, "allowed": each.path in ROWS, "options": row[0].split(), "gets": row[1]}
        for each in commands()
        for row in [ROWS.get(each.path, ("", ""))]
    ]
