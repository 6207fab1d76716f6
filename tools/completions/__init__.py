"""Writes completions/ from the definition of the command line: `python -m tools.completions FOLDER`.

The templates beside this file are in each shell's language, so that its linter can read them. `@NAME@` stands for a
list of words. A line `# @NAME@` stands for a table with an entry for each command.

A parameter's name decides what completes it. The shell itself reads the names of keys and profiles from the index and
the manifest, so that a Tab starts no Python.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import click

from lkrshell.cli import help as cli
from lkrshell.core import names
from lkrshell.core.events import EVENTS
from lkrshell.runtime import known_agents
from lkrshell.sources import settings
from lkrshell.vendors import costs, providers

# What completes a parameter's value: by command and parameter, or by the parameter alone.
_KINDS = {
    "name": "keys", "old": "keys", "key": "keys", "keys": "pairs", "entry": "pairs", "set name": "fresh",
    "rename new": "fresh", "import name": "fresh", "profile": "profiles", "folder": "folders", "only": "folders",
    "source": "sources", "file": "files", "paths": "files", "template": "files", "output": "files", "identity": "files",
    "way": "files", "unseal wanted": "keys", "member": "members", "recipient": "files",
    "words": "commands",
}  # fmt: skip
_WORDS = {
    "audit event": [*EVENTS], "audit agent": ["any", *known_agents.AGENTS], "agent-env agent": [*known_agents.AGENTS],
    "import tool": ["pass:", "secret-tool:", "envchain:"], "migrate source": ["vault", "keyring"],
    "list provider": [*providers.builtin()], "source add kind": settings.types(),
    "source add new": ["team"], "source add words": ["https://"], "usage provider": [*costs.BASES],
    "policy ttl": ["off", "30m", "8h", "2d"],
}  # fmt: skip
_MADE = "Made from the command line's definition by `make completions`; do not edit."


class _Parameter:
    """An option or argument: its words, its help, and what completes its value: a kind, a list of words, or neither."""

    def __init__(self, command: str, parameter: click.Parameter) -> None:
        self.words = [word for word in [*parameter.opts, *parameter.secondary_opts] if word.startswith("-")]
        self.help = _one_line(getattr(parameter, "help", "") or "")
        self.flag = bool(getattr(parameter, "is_flag", False))
        self.many = parameter.nargs == -1 or bool(getattr(parameter, "multiple", False))
        name = parameter.name or ""
        choices = parameter.type.choices if isinstance(parameter.type, click.Choice) else ()
        self.choices = [str(choice) for choice in choices or _WORDS.get(f"{command} {name}", ())]
        kind = _KINDS.get(f"{command} {name}") or _KINDS.get(name, "")
        self.kind = "" if self.choices or self.flag else kind


class _Command:
    """A command or a subcommand, such as `vault export`."""

    def __init__(self, name: str, command: click.Command) -> None:
        self.name, self.help = name, _one_line(command.get_short_help_str(100))
        self.words = sorted(command.commands) if isinstance(command, click.Group) else []
        ours = [_Parameter(name, parameter) for parameter in command.params]
        self.options = [parameter for parameter in ours if parameter.words]
        self.arguments = [parameter for parameter in ours if not parameter.words]


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if line.endswith("...") else line.removesuffix(".")


def _commands() -> Iterator[_Command]:
    context = click.Context(cli.lkr)
    for name in cli.lkr.list_commands(context):
        command = cli.lkr.get_command(context, name)
        if command:
            yield _Command(name, command)
        if isinstance(command, click.Group):
            for inner, each in command.commands.items():
                yield _Command(f"{name} {inner}", each)


def _names() -> list[str]:
    return [command.name for command in _commands() if " " not in command.name]


def _valued() -> str:
    """Returns the options that take a value, of all commands together: none of them is a flag elsewhere."""
    options = [option for command in _commands() for option in command.options]
    return " ".join(sorted({word for option in options if not option.flag for word in option.words}))


def bash() -> str:
    lines: list[str] = []
    for command in _commands():
        lines.append(f"        '{command.name}')\n")
        valued = [option for option in command.options if not option.flag]
        if valued:
            lines.append("            case $option in\n")
            lines += [
                f"                {' | '.join(option.words)}) {_bash_value(option)}; return ;;\n" for option in valued
            ]
            lines.append("            esac\n")
        words = " ".join([word for option in command.options for word in option.words] + ["-h", "--help"])
        lines.append(f"            _lkr_options {words}\n")
        if command.words:
            lines.append(f"            _lkr_words {' '.join(command.words)}\n")
        for place, argument in enumerate(command.arguments, 1):
            if argument.kind or argument.choices:
                guard = "" if argument.many else f"((place == {place})) && "
                lines.append(f"            {guard}{_bash_value(argument)}\n")
        lines.append("            ;;\n")
    return _filled("lkr.bash", CASES="".join(lines))


def _bash_value(parameter: _Parameter) -> str:
    return f"_lkr_words {' '.join(parameter.choices)}" if parameter.choices else f"_lkr_{parameter.kind or 'nothing'}"


def zsh() -> str:
    out: list[str] = []
    for command in _commands():
        out.append(f"        '{command.name}')\n")
        if command.words:
            out.append("            if ((CURRENT > 2)); then\n                shift words\n")
            out.append(f'                ((CURRENT--))\n                _lkr_one "{command.name} $words[1]"\n')
            out.append("                return\n            fi\n")
        if any(argument.kind == "commands" for argument in command.arguments):
            out.append("            _lkr_command && return\n")
        out.append("            _arguments -s -S : \\\n")
        for option in command.options:
            value = "" if option.flag else f":value:{_zsh_value(option)}"
            for word in option.words:
                head = "*" if option.many else f"({' '.join(option.words)})" if len(option.words) > 1 else ""
                tail = "" if option.flag else "=" if word.startswith("--") else "+"
                out.append(f"                '{head}{word}{tail}[{_zsh_text(option.help)}]{value}' \\\n")
        out.append("                '(- *)'{-h,--help}'[Show the help]' \\\n")
        if command.words:
            out.append(f"                '1:command:({' '.join(command.words)})' \\\n")
        for place, argument in enumerate(command.arguments, 1):
            what = _zsh_value(argument)
            if argument.kind == "commands":
                continue
            if argument.many:
                out.append(f"                '*:argument:{what}' \\\n")
            else:
                out.append(f"                '{place}:argument:{what}' \\\n")
        out[-1] = out[-1].removesuffix(" \\\n") + "\n"
        out.append("            ;;\n")
    ours = [f"        '{each.name}:{_zsh_text(each.help)}'\n" for each in _commands() if " " not in each.name]
    return _filled("lkr.zsh", CASES="".join(out), DESCRIPTIONS="".join(ours))


def _zsh_text(text: str) -> str:
    return text.replace("'", "'\\''").replace("[", "(").replace("]", ")").replace(":", "\\:")


def _zsh_value(parameter: _Parameter) -> str:
    if any(choice.endswith(":") for choice in parameter.choices):
        return f'compadd -S "" -- {" ".join(parameter.choices)}'.replace(":", "\\:")
    if parameter.choices:
        return f"({' '.join(parameter.choices)})"
    return {"": " ", "files": "_files", "folders": "_files -/"}.get(parameter.kind, f"_lkr_{parameter.kind}")


def fish() -> str:
    out = ["complete -c lkr -f\n"]
    out.append("complete -c lkr -n \"__lkr_at ''\" -l version -d 'Show the version'\n")
    out.append("complete -c lkr -n '__lkr_look; test -z \"$__lkr_end\"' -s h -l help -d 'Show the help'\n")
    for command in _commands():
        above, _, name = command.name.rpartition(" ")
        out.append(f"complete -c lkr -n \"__lkr_at '{above}'\" -a {name} -d {_fish_text(command.help)}\n")
        at = f"__lkr_at '{command.name}'"
        for option in command.options:
            words = " ".join(f"-l {word[2:]}" if word.startswith("--") else f"-s {word[1:]}" for word in option.words)
            value = "" if option.flag else f" {_fish_value(option)}"
            options = f"__lkr_options '{command.name}'"
            out.append(f'complete -c lkr -n "{options}" {words}{value} -d {_fish_text(option.help)}\n')
        for place, argument in enumerate(command.arguments, 1):
            if argument.kind or argument.choices:
                where = at if argument.many else f"{at} {place}"
                out.append(f'complete -c lkr -n "{where}" {_fish_value(argument)}\n'.replace(" -x -", " -"))
    return _filled("lkr.fish", COMPLETIONS="".join(out))


def lkrsh() -> str:
    """Returns the completions of lkrsh. fish looks for them in a file with the command's name."""
    return f"# {_MADE}\ncomplete -c lkrsh -w lkr\n"


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _fish_value(parameter: _Parameter) -> str:
    if parameter.choices:
        return f"-x -a '{' '.join(parameter.choices)}'"
    folders = "-x -a '(__fish_complete_directories (commandline -ct))'"
    in_order = "-x -k -a '(__lkr_pairs)'"
    own = {"": "-x", "folders": folders, "files": "-r -F", "pairs": in_order}
    return own.get(parameter.kind, f"-x -a '(__lkr_{parameter.kind})'")


FILES: dict[str, Callable[[], str]] = {"lkr.bash": bash, "_lkr": zsh, "lkr.fish": fish, "lkrsh.fish": lkrsh}


def _filled(template: str, **tables: str) -> str:
    """Returns the template's text with these tables, and with the words that are the same for every shell."""
    known = providers.builtin()
    variables = sorted({variable for each in known.values() for variable in (each.variable, *each.aliases)})
    groups = [command.name for command in _commands() if command.words]
    words = {
        "MADE": _MADE, "VARIABLES": " ".join(variables), "PROVIDERS": " ".join(f"{name}:" for name in sorted(known)),
        "COMMANDS": " ".join(_names()), "VALUED": _valued(), "GROUPS": " ".join(groups), "HIDDEN": names.OLD_BEFORE,
    }  # fmt: skip
    text = (Path(__file__).parent / template).read_text(encoding="utf-8")
    text = re.sub(r"(?m)^ *# @(\w+)@\n", lambda match: tables[match[1]], text)
    return re.sub(r"@([A-Z]+)@", lambda match: words[match[1]], text)


def write(folder: str) -> None:
    for name, make in FILES.items():
        (Path(folder) / name).write_text(make(), encoding="utf-8")
