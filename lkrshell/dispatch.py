"""What boot.py does once it can import: runs the mode that the hook names, and ends the process."""

import _signal
import os
import sys


def main() -> None:
    """`SHELL [FOLDER [VERSION]]`, or `exec` or `agent-env` and a command. Never returns."""
    mode, *words = sys.argv[1:]
    # Ctrl-C ends us silently. A command in the background ignores it, and must still ignore it when it starts.
    if mode not in ("exec", "agent-env") or _signal.getsignal(_signal.SIGINT) != _signal.SIG_IGN:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    if mode == "exec":  # the hook turned a command into a function
        from lkrshell.runtime.execute import run_wrapped

        code = run_wrapped(words)
    elif mode == "agent-env":
        from lkrshell.cli.main import run

        code = run(["agent-env", "--", *words])
    else:
        from lkrshell.runtime.export import main as export

        code = export([mode, *words])
    os._exit(code)  # everything is written; a proper shutdown would take a fifth of the whole entry
