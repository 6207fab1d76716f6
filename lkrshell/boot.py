"""What the hooks run, by its path and with `python -I -S -X utf8`: no site, no user paths, no PYTHONPATH.

Small on purpose: a script is compiled anew at each start, the modules it imports are not. Those it takes out of one
file, see lkrshell.shells.bundle, where `lkr hook` could write that.
"""

import gc
import marshal
import sys

gc.disable()  # gone before there is anything to collect
sys.path += sys.argv.pop(1).split("\n")
try:
    with open(f"{__file__[:-8]}/__pycache__/export.{sys.implementation.cache_tag}.bundle", "rb", 0) as file:
        codes = marshal.loads(file.read())  # noqa: S302  # as trusted as a .pyc
    module = type(sys)("lkrshell.shells.bundle")
    exec(codes[module.__name__][2], module.__dict__)  # noqa: S102
    module.install(__file__[:-8], codes)
except Exception:  # noqa: S110  # a module at a time, then
    pass

from lkrshell.dispatch import main  # noqa: E402

main()
