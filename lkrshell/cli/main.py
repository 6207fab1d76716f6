"""The command line: finds a command's module by its name, loads only that one, turns errors into exit codes."""

import contextlib
import functools
import importlib
import os
import sys

import click

from lkrshell import __version__
from lkrshell.cli import rights
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.text import show

COMMANDS = (
    "add", "agent-env", "allow", "audit", "confirm", "deny", "doctor", "edit", "exec", "export", "gen", "get", "hook",
    "import", "init", "install", "list", "lock", "migrate", "passwd", "policy", "rename", "rm", "rotate", "schema",
    "set", "status", "uninstall", "unlock", "usage", "use", "vault",
)  # fmt: skip


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return _command(cmd_name) if cmd_name in COMMANDS else None


@functools.cache
def _command(name: str) -> click.Command:
    return rights.guarded(importlib.import_module(f"lkrshell.cli.cmd_{name.replace('-', '_')}").command)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="lkr")
def lkr() -> None:
    """LLM API keys from the keychain, in the environment only inside the project that needs them."""


def run(arguments: list[str]) -> int:
    """Runs one command; returns the exit code of design section 4. Never a traceback without LKR_DEBUG=1."""
    try:
        result = lkr.main(arguments, prog_name="lkr", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except LkrError as error:
        click.echo(f"lkr: {show(str(error))}", err=True)
        return error.code
    except click.ClickException as error:
        click.echo(f"lkr: {show(error.format_message())}; see lkr --help", err=True)
        return USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("lkr: stopped, nothing was changed", err=True)
        return 130
    except BrokenPipeError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("LKR_DEBUG") == "1":
            raise
        what = error.strerror if isinstance(error, OSError) else type(error).__name__
        click.echo(f"lkr: unexpected: {what}; LKR_DEBUG=1 shows where", err=True)
        return 1
