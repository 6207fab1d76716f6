"""The program `lkr`. `export`, `exec`, `hook` and `status --short` start without the command line library."""

import os
import sys

from lkrshell.boot import use_bundle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> "NoReturn":
    """Entry point. Never returns: shutting an interpreter down properly takes as long as `lkr status` itself."""
    code = run(sys.argv[1:])
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # nobody reads it, or it was never open
    os._exit(code)


def run(arguments: list[str]) -> int:
    """Runs one command; returns the exit code."""
    if arguments[:1] == ["export"] and len(arguments) == 2 and not arguments[1].startswith("-"):
        import _signal

        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
        use_bundle(os.path.dirname(__file__))
        from lkrshell.runtime.export import main as export

        return export(arguments[1:])
    if arguments[:1] == ["hook"] and len(arguments) == 2:
        from lkrshell.shells.base import SHELLS

        if arguments[1] in SHELLS:
            from lkrshell.shells.hook import main as hook

            return hook(arguments[1])
    if arguments == ["status", "--short"]:
        use_bundle(os.path.dirname(__file__))
        from lkrshell.runtime.status_line import main as status_line

        return status_line()
    if arguments[:1] == ["exec"]:
        plain = arguments[1:2] == ["--"]
        words = arguments[2:] if plain else arguments[1:]
        if words and (plain or not words[0].startswith("-")):
            use_bundle(os.path.dirname(__file__))
            from lkrshell.runtime.execute import main as execute

            return execute(words, _unlock)
    from lkrshell.cli.main import run as command

    return command(arguments)


def _unlock() -> bool:
    """Asks for the passphrase, if there is somebody to ask."""
    from lkrshell.runtime.unlocking import on_demand

    return on_demand()


if __name__ == "__main__":
    main()
