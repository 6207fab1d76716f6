"""Declares a command's options and arguments as data, and parses plain calls.

click handles everything else: help, wrong usage, questions. Loading click takes longer than starting four interpreters,
and would be most of the time of `lkr status`. `command`, `option` and `argument` take the same arguments as click's
decorators of these names, and `Command.click()` passes them on.
"""

import sys

from lkrshell.core.errors import LkrError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    import click


class Choice:
    """One of a few words."""

    def __init__(self, choices: "tuple[str, ...] | list[str]") -> None:
        self.choices = tuple(choices)

    def convert(self, word: str) -> str | None:
        return word if word in self.choices else None

    def click(self) -> "click.ParamType[Any]":
        import click

        return click.Choice(self.choices)


class IntRange:
    """A whole number from `least` to `most`."""

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def convert(self, word: str) -> int | None:
        return int(word) if word.isdecimal() and len(word) < 10 and self.least <= int(word) <= self.most else None

    def click(self) -> "click.ParamType[Any]":
        import click

        return click.IntRange(self.least, self.most)


class Parameter:
    """An option or an argument: its names, the parameter of the function, and the settings for click."""

    def __init__(self, names: tuple[str, ...], is_option: bool, settings: "dict[str, Any]") -> None:
        self.names, self.is_option, self.settings = names, is_option, settings
        own = [name for name in names if not name.startswith("-")]
        first = [name.partition("/")[0] for name in names if name not in own]
        self.flags = [flag for name in names if name not in own for flag in name.split("/")]
        longest = sorted(first, key=lambda flag: not flag.startswith("--"))
        self.parameter = own[0] if own else longest[0].lstrip("-").replace("-", "_")
        self.is_flag = bool(settings.get("is_flag")) or any("/" in name for name in names)
        self.many = bool(settings.get("multiple")) or settings.get("nargs") == -1
        self.type: Choice | IntRange | None = settings.get("type")

    def default(self) -> object:
        if self.many:
            return ()
        return self.settings.get("default", False if self.is_flag else None)

    def value(self, flag: str) -> bool:
        """The value of a flag: True for `--confirm`, False for `--no-confirm`."""
        return flag == self.flags[0] or not any("/" in name for name in self.names)

    def convert(self, word: str) -> object:
        """The value of `word`; None if it is invalid, and click has to say why."""
        return self.type.convert(word) if self.type else word

    def click(self) -> "click.Parameter":
        import click

        settings = dict(self.settings)
        if self.type is not None:
            settings["type"] = self.type.click()
        if self.is_option:
            return click.Option(list(self.names), **settings)
        settings.setdefault("required", settings.get("nargs") != -1)
        return click.Argument(list(self.names), **settings)


class Command:
    """A command: its function, its parameters, and its help."""

    def __init__(self, path: str, callback: "Callable[..., Any]", settings: "dict[str, Any]") -> None:
        self.path, self.callback, self.settings = path, callback, settings
        self.examples: tuple[str, ...] = settings.pop("examples", ())
        self.name = path.rpartition(" ")[2]
        self.parameters: list[Parameter] = list(reversed(getattr(callback, "parameters", [])))

    def run(self, values: "dict[str, Any]", given: list[Parameter]) -> object:
        """Runs the command. `given` are the options that were typed. LkrError (2) if a coding agent may not run it."""
        from lkrshell.cli import rights

        rights.check(self, values, given)
        return self.callback(**values)

    def parse(self, words: list[str], given: list[Parameter]) -> "dict[str, object] | None":
        """The function's arguments; None if click has to parse the call: help, mistakes, options in another form.

        Adds the options that were typed to `given`.
        """
        if self.settings.get("context_settings"):
            return None
        options = {flag: each for each in self.parameters if each.is_option for flag in each.flags}
        values = {each.parameter: each.default() for each in self.parameters}
        rest: list[str] = []
        pending = iter(words)
        for word in pending:
            if word == "--":
                rest += pending
            elif word[:1] != "-" or word == "-":
                rest.append(word)
            elif not _take(word, pending, options, values, given):
                return None
        return values if self._arguments(rest, values) else None

    def _arguments(self, rest: list[str], values: "dict[str, object]") -> bool:
        """Assigns the words that are not options to the arguments. False if they do not fit."""
        arguments = [each for each in self.parameters if not each.is_option]
        for number, each in enumerate(arguments):
            if each.many:
                after = len(arguments) - number - 1
                taken = [each.convert(word) for word in rest[: len(rest) - after]]
                if None in taken or (each.settings.get("required") and not taken):
                    return False
                values[each.parameter], rest = tuple(taken), rest[len(taken) :]
            elif rest:
                values[each.parameter] = each.convert(rest.pop(0))
                if values[each.parameter] is None:
                    return False
            elif each.settings.get("required", True):
                return False
        return not rest

    def click(self) -> "click.Command":
        """Returns the same command for click, which checks usage and writes the help."""
        import click

        def callback(**values: "Any") -> object:
            source = click.get_current_context().get_parameter_source
            typed = (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.PROMPT)
            given = [each for each in self.parameters if each.is_option and source(each.parameter) in typed]
            return self.run(values, given)

        return click.Command(
            self.name,
            callback=callback,
            params=[each.click() for each in self.parameters],
            help=self.callback.__doc__,
            epilog="\b\nExamples:\n" + "\n".join(f"  {each}" for each in self.examples),
            **self.settings,
        )


def _take(
    word: str,
    pending: "Iterator[str]",
    options: dict[str, Parameter],
    values: "dict[str, object]",
    given: list[Parameter],
) -> bool:
    """Reads an option and its value, which may be the next word. False if click has to parse it."""
    name, equals, value = word.partition("=")
    option = options.get(name)
    if option is None or (equals and (option.is_flag or not name.startswith("--"))):
        return False
    given.append(option)
    if option.is_flag:
        values[option.parameter] = option.value(name)
        return True
    if not equals:
        value = next(pending, "-")
    converted = option.convert(value)
    if converted is None or value.startswith("-"):
        return False
    before = values[option.parameter]
    values[option.parameter] = (*before, converted) if isinstance(before, tuple) else converted
    return True


class Group:
    """A command with subcommands, such as `lkr vault export`."""

    def __init__(self, name: str, callback: "Callable[..., Any]") -> None:
        self.name, self.callback = name, callback
        self.commands: dict[str, Command] = {}
        self.default = ""  # the command that runs if none is named

    def command(self, name: str, **settings: "Any") -> "Callable[[Callable[..., Any]], Command]":
        def declare(function: "Callable[..., Any]") -> Command:
            self.commands[name] = Command(f"{self.name} {name}", function, settings)
            return self.commands[name]

        return declare

    def click(self) -> "click.Group":
        from lkrshell.cli import help as with_click

        commands = {name: command.click() for name, command in self.commands.items()}
        return with_click.Group(self.name, commands=commands, help=self.callback.__doc__)

    def find(self, words: list[str]) -> "tuple[Command | None, list[str]]":
        """Returns the command that `words` name, and its words. None if only click can tell."""
        if words and words[0] in self.commands:
            return self.commands[words[0]], words[1:]
        if self.default and (not words or words[0] not in ("-h", "--help")) and not (words and words[0][0:1] != "-"):
            return self.commands[self.default], words
        return None, words


def command(name: str, **settings: "Any") -> "Callable[[Callable[..., Any]], Command]":
    """Makes a function the command `name`."""
    return lambda function: Command(name, function, settings)


def group(name: str) -> "Callable[[Callable[..., Any]], Group]":
    """Makes a function the head of the group `name`. Its docstring is the group's help."""
    return lambda function: Group(name, function)


def option(*names: str, **settings: "Any") -> "Callable[[Callable[..., Any]], Callable[..., Any]]":
    """Gives the command an option, as click.option does."""
    return _parameter(names, True, settings)


def argument(name: str, **settings: "Any") -> "Callable[[Callable[..., Any]], Callable[..., Any]]":
    """Gives the command an argument, as click.argument does."""
    return _parameter((name,), False, settings)


def _parameter(
    names: tuple[str, ...], is_option: bool, settings: "dict[str, Any]"
) -> "Callable[[Callable[..., Any]], Callable[..., Any]]":
    def declare(function: "Callable[..., Any]") -> "Callable[..., Any]":
        known = getattr(function, "parameters", [])
        function.parameters = [*known, Parameter(names, is_option, settings)]  # type: ignore[attr-defined]
        return function

    return declare


def echo(text: str = "", err: bool = False, nl: bool = True) -> None:
    """Writes a line to stdout, or to stderr with `err`, at once. LkrError as for `write`."""
    line = text + "\n" if nl else text
    if not err:
        write(line)
        return
    try:
        sys.stderr.write(line)
        sys.stderr.flush()
    except OSError:
        pass  # nobody can read messages, and what the command does matters more


def write(data: "str | bytes") -> None:
    """Writes to stdout at once. LkrError if that fails; BrokenPipeError if nobody reads it any more."""
    try:
        stream: Any = sys.stdout.buffer if isinstance(data, bytes) else sys.stdout
        stream.write(data)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise LkrError(f"cannot write to standard output: {error.strerror}") from None


def echo_json(value: object, indent: int | None = 2) -> None:
    """Writes a value to stdout as JSON. Without `indent`, in one line."""
    import json

    echo(json.dumps(value, indent=indent))
