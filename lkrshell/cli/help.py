"""Uses click for help and for messages about wrong usage. Loaded only for these; see declare.py."""

import click

from lkrshell import __version__
from lkrshell.cli import declare, main
from lkrshell.core import names
from lkrshell.core.errors import USAGE, LkrError

_TAKE_A_VALUE = ("set", "rotate")
_LONG = 16  # characters


class Group(click.Group):
    """A click group that suggests a command for a mistyped one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None:
            what = f"there is no command {names.redacted(args[0])}"
            raise LkrError(what, self.instead_of(args[0], ctx.command_path), USAGE)
        return super().resolve_command(ctx, args)

    def instead_of(self, word: str, path: str) -> str:
        from lkrshell.cli import common  # which loads the stores

        return common.did_you_mean(word, [*self.commands], f"see {path} --help", f"{path} {{}}")


class _Commands(Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(main.COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = main.find(cmd_name)
        return None if command is None else command.click()

    def instead_of(self, word: str, path: str) -> str:
        """A provider, a key, or a command."""
        from lkrshell.cli import common
        from lkrshell.vendors import providers

        if word in providers.known():
            return f"{word} is a provider: lkr list {word}, or lkr set {word}:main"
        if names.is_key(word):
            return f"{word} is the name of a key: lkr get {word}, or lkr set {word}"
        return common.did_you_mean(word, [*main.COMMANDS, *main.ALIASES], "see lkr --help", "lkr {}")

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands in groups."""
        width = max(map(len, main.COMMANDS))
        for title, members in main.GROUPS.items():
            with formatter.section(title):
                rows = [(name.ljust(width), _first_sentence(self.get_command(ctx, name))) for name in members]
                formatter.write_dl(rows, col_max=width + 2)


def _first_sentence(command: click.Command | None) -> str:
    return command.get_short_help_str(100) if command else ""


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="lkr")
def lkr() -> None:
    """Keep LLM API keys in the OS keychain or a vault, and load them only inside the projects that need them."""


def run(arguments: list[str]) -> object:
    """Runs `arguments` through click. LkrError for wrong usage, KeyboardInterrupt at Ctrl-C."""
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:], "--help"]
    try:
        return lkr.main(arguments, prog_name="lkr", standalone_mode=False)
    except click.ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # from click 8.2 on, the help comes as an error
            declare.echo(error.format_message())
            return 0
        if arguments[0] in _TAKE_A_VALUE and any(map(_may_be_a_value, arguments[1:])):
            from lkrshell.cli import common

            raise common.value_typed() from None
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "lkr"
        message, hint = _without_values(error.format_message()), f"see {path} --help"
        if isinstance(error, click.NoSuchOption):  # each version of click words it differently
            message = f"there is no option {names.redacted(error.option_name)}"
            hint = f"did you mean {error.possibilities[0]}?" if error.possibilities else hint
        elif isinstance(error, click.BadParameter) and error.message and error.param:
            of = f"{error.param.opts[-1]}: " if isinstance(error.param, click.Option) else ""
            message = _without_values(of + error.message)
            if isinstance(error.param.type, click.IntRange):
                message = f"{of[:-2]} must be a whole number from {error.param.type.min} to {error.param.type.max}"
        message = message[:1].lower() + message[1:]
        raise LkrError(message, hint, USAGE) from None
    except click.Abort:
        raise KeyboardInterrupt from None


def _may_be_a_value(word: str) -> bool:
    """True for a word, or the value of an option, that may be a key's value. Any long word that is no name may be."""
    if word.startswith("-"):
        return names.looks_like_a_value(word.partition("=")[2] or word.lstrip("-"))
    return names.looks_like_a_value(word) or (len(word) >= _LONG and not names.is_key(word))


def _without_values(message: str) -> str:
    """click's message, without what may be a key that somebody typed as an argument. It repeats no extra argument."""
    if message.startswith("Got unexpected extra argument"):
        return "too many arguments"
    return names.masked(message).rstrip(".")
