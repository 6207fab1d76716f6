"""What the hooks run, by its path and with `python -I -S -X utf8`: no site, no user paths, no PYTHONPATH.

Small on purpose: a script is compiled anew at each start, the modules it imports are not. The folder of
this package's dependencies is the one that the package itself lies in, unless the hook names others.
"""

import _signal
import sys

_signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # Ctrl-C ends us in silence, during the imports too
sys.path[:0] = sys.argv.pop(1).split("\n")

from lkrshell.export import main  # noqa: E402

code = main(sys.argv[1:])

from os import _exit  # noqa: E402

_exit(code)  # all is written; taking an interpreter down in good order costs a fifth of an entry
