"""The program `lkr`. `export` and nothing else takes the short way, without the command line library."""

import sys


def main() -> int:
    """Entry point; returns the exit code."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["export"] and len(arguments) == 2 and not arguments[1].startswith("-"):
        import _signal

        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
        from lkrshell.export import main as export

        return export(arguments[1:])
    from lkrshell.cli import run

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
