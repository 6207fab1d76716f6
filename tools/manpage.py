"""Writes man/lkr.1 from the definition of the command line: `python -m tools.manpage FOLDER`."""

import os
import sys

import click

from lkrshell.cli import help as cli

FILES = ("lkr.1",)
_DATE = "2026-11-25"  # the last release's date; today's would change the page every day
_CODES = {
    "0": "done",
    "1": "error",
    "2": "refused by a guard: no terminal, a coding agent, policy",
    "64": "bad usage",
    "69": "the store is unreachable",
    "77": "the store is locked",
    "78": "the manifest is invalid, missing or not allowed",
    "126, 127": "from lkr exec: the command cannot be run, or is not there",
    "130": "stopped by Ctrl-C",
}
_VARIABLES = {
    "LKR_PROFILE": "The profile to use, instead of the one that lkr use chose.",
    "LKR_BACKEND": "The store: auto, keychain, keyring or vault. Overrides config.toml.",
    "LKR_QUIET": "1: say nothing when keys load and unload.",
    "LKR_DEBUG": "1: show a traceback after an unexpected error.",
    "LKR_KEYS, LKR_STATE, LKR_DIR": "Set by the hook inside a project, for prompts: the names of the keys, "
    "VARIABLE=NAME words, and the folder.",
}
_FILES = {
    ".lkr.toml": "The manifest of a project: variables and the names of their keys.",
    ".lkr.local.toml": "One person's changes to it; not for git.",
    "~/.config/lkr/config.toml": "Settings. The folder is below $XDG_CONFIG_HOME when that is set.",
    "~/.local/share/lkr": "The index, the grants, the vault and the audit log; below $XDG_DATA_HOME.",
    "~/.local/state/lkr": "The chosen store and the generation that live shells watch; below $XDG_STATE_HOME.",
}


def _plain(text: str) -> str:
    """Escapes `text` so that roff prints it literally."""
    text = (
        text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("~", "\\(ti").replace("^", "\\(ha")
    )
    return "\\&" + text if text[:1] in (".", "\\") else text


def _bold(text: str) -> str:
    return f"\\fB{_plain(text)}\\fR"


def _items(pairs: dict[str, str]) -> list[str]:
    return [line for name, text in pairs.items() for line in (".TP", _bold(name), _plain(text))]


def _command(path: str, command: click.Command) -> list[str]:
    """Returns a command with its arguments, help and options, followed by its subcommands."""
    context = click.Context(command, info_name=path)
    usage = [_bold(f"lkr {path}"), *(_plain(piece) for piece in command.collect_usage_pieces(context))]
    out = [".SS " + " ".join(usage)]
    for number, paragraph in enumerate((command.help or "").split("\n\n")):
        out += [".PP"] * (number > 0) + [_plain(" ".join(paragraph.split()))]
    for parameter in command.params:
        record = parameter.get_help_record(context)
        if isinstance(parameter, click.Option) and record is not None:
            out += [".TP", _bold(record[0]), _plain(record[1])]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            if (inner := command.get_command(context, name)) is not None:
                out += _command(f"{path} {name}", inner)
    return out


def text() -> str:
    """Returns the page."""
    context = click.Context(cli.lkr)
    out = ['.\\" Made from the command line\\(aqs definition by \\(dqmake completions\\(dq; do not edit.']
    out += [f".TH LKR 1 {_DATE} lkrshell", ".SH NAME", f"lkr \\- {_plain((cli.lkr.help or '').rstrip('.'))}"]
    out += [".SH SYNOPSIS", f"{_bold('lkr')} \\fICOMMAND\\fR [\\fIARGUMENT\\fR...]"]
    out += [".SH DESCRIPTION"]
    out += [
        _plain(
            "A project commits a manifest, .lkr.toml, with the names of keys and never a value. Once you allowed it,"
        ),
        _plain("the shell has the keys inside the project, and outside it the environment that it had before."),
        _plain("Every command takes --help."),
    ]
    out += [".SH COMMANDS"]
    for name in cli.lkr.list_commands(context):
        if (command := cli.lkr.get_command(context, name)) is not None:
            out += _command(name, command)
    out += [".SH EXIT STATUS", *_items(_CODES), ".SH ENVIRONMENT", *_items(_VARIABLES), ".SH FILES", *_items(_FILES)]
    out += [".SH SEE ALSO", ".BR direnv (1),", ".BR age (1),", ".BR secret\\-tool (1)"]
    return "\n".join(out) + "\n"


def main(folder: str) -> None:
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, FILES[0]), "w", encoding="utf-8") as file:
        file.write(text())


if __name__ == "__main__":
    main(sys.argv[1])
