"""What the hooks run, by its path and with `python -I -S -X utf8`: no site, no user paths, no PYTHONPATH.

Small on purpose: a script is compiled anew at each start, the modules it imports are not. The folder of
this package's dependencies is the one that the package itself lies in, unless the hook names others.
"""

import _signal
import sys

if sys.argv[2] not in ("exec", "agent-env") or _signal.getsignal(_signal.SIGINT) != _signal.SIG_IGN:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # Ctrl-C ends us in silence, during the imports too
sys.path[:0] = sys.argv.pop(1).split("\n")

if sys.argv[1] == "exec":  # a function that the hook made of a command
    from lkrshell.execute import wrapped

    code = wrapped(sys.argv[2:])
elif sys.argv[1] == "agent-env":
    from lkrshell.cli import run

    code = run(["agent-env", "--", *sys.argv[2:]])
else:
    from lkrshell.export import main

    code = main(sys.argv[1:])

from os import _exit  # noqa: E402

_exit(code)  # all is written; taking an interpreter down in good order costs a fifth of an entry
