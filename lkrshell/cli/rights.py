"""What a coding agent may do: one table of commands and options, closed by default.

A command that has no row here, and an option that its row does not name, are refused to agents before the command reads
or writes anything. `guarded` puts the question before every command of the program, subcommands too. The short ways
that go past click (`__main__`, `dispatch`) lead to commands whose row gives what they do there.
"""

import functools
import os
from collections.abc import Iterator
from typing import Any

import click
from click.core import ParameterSource

from lkrshell.cli import common
from lkrshell.core import names
from lkrshell.project import lookup

# Command: the options that an agent may give, and what it gets. `lkr doctor --agents` prints this.
ROWS: dict[str, tuple[str, str]] = {
    "agent-env": ("--agent", "starts an agent without the shell's keys, but those that policy lets it have"),
    "audit": ("--key --event --project --days --follow --json", "its own lines"),
    "doctor": ("--agents --json", "what is wrong; changes nothing"),
    "exec": ("-k --clean", "the keys that an allowed manifest of its folder names, each under its policy"),
    "export": ("", "what policy lets its shell have"),
    "hook": ("", "the shells' hooks"),
    "list": ("--json", "names of runtime keys"),
    "lock": ("", "locks the store"),
    "schema": ("--local", "the manifest's JSON Schema"),
    "status": ("--json --short", "names of what is loaded here, and why"),
}


def guarded(command: click.Command) -> click.Command:
    """`command`, and every command below it, with the question put before it."""
    for each in getattr(command, "commands", {}).values():
        guarded(each)
    inner = command.callback
    if inner is not None and not isinstance(command, click.Group):

        @functools.wraps(inner)
        def checked(*words: Any, **options: Any) -> Any:
            _check(click.get_current_context())
            return inner(*words, **options)

        command.callback = checked
    return command


def _check(context: click.Context) -> None:
    """LkrError (2), recorded, when a coding agent may not do this."""
    path = context.command_path.partition(" ")[2]
    given = [each for each in context.command.params if isinstance(each, click.Option) and _given(context, each)]
    options, _ = ROWS.get(path, (None, ""))
    if options is not None and all(set(option.opts) & set(options.split()) for option in given):
        return
    if who := common.agent():
        keys = list(dict.fromkeys(_keys(context.params)))
        words = ["lkr", path, *(max(option.opts, key=len) for option in given if option.is_flag), *keys]
        folder = os.path.realpath(lookup.current_folder())
        message, hint = f"that is not for a coding agent ({who})", f"the person can: {' '.join(words)}"
        raise common.refused(message, hint, *keys, project=folder)


def _given(context: click.Context, option: click.Option) -> bool:
    default = ParameterSource.DEFAULT, ParameterSource.DEFAULT_MAP, None
    return option.name is not None and context.get_parameter_source(option.name) not in default


def _keys(given: dict[str, Any]) -> Iterator[str]:
    """The names of keys among the words: no other word is repeated, for it could be a value."""
    for value in given.values():
        for word in value if isinstance(value, tuple) else (value,):
            if isinstance(word, str) and names.is_key(name := word.rpartition("=")[2]):
                yield name


def leaves(group: click.Group, context: click.Context, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command of the program that does something, by its words."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, context, f"{path}{name} ")
        elif command is not None:
            yield f"{path}{name}", command


def table(context: click.Context) -> list[dict[str, object]]:
    """The table as it is in force, a row for each command."""
    root = context.find_root()
    assert isinstance(root.command, click.Group)  # noqa: S101
    return [
        {"command": path, "allowed": path in ROWS, "options": row[0].split(), "gets": row[1]}
        for path, _ in leaves(root.command, root)
        for row in [ROWS.get(path, ("", ""))]
    ]
