"""The command line that starts a module of ours in another Python process.

The new process looks for modules only where it is told to: not in the folder that it starts in (as `-m`
would), not in PYTHONPATH, not in the user's site folder.
"""

import sys

_CODE = (
    "import sys; sys.path[:] = sys.argv.pop(1).split(chr(10)); "
    "__import__(sys.argv.pop(1), fromlist=['main']).main(*sys.argv[1:])"
)


def command(module: str, *words: str, path: "list[str] | None" = None) -> list[str]:
    """The words that call `main(*words)` of `module`. `path`: where to look for modules, by default where we look."""
    places = "\n".join(sys.path if path is None else path)
    return [sys.executable, "-I", "-S", "-X", "utf8", "-c", _CODE, places, module, *words]
