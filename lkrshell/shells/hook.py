"""What `lkr hook SHELL` prints: where the program is, followed by shell/lkr.SHELL."""

import os
import sys

import lkrshell
from lkrshell.core.errors import LkrError
from lkrshell.core.text import show
from lkrshell.shells import base, bundle_writer
from lkrshell.state import paths

_PACKAGE = os.path.dirname(os.path.abspath(lkrshell.__file__))


def data(folder: str, name: str) -> str:
    """The text of a file in shell/ or completions/. They are next to the package in a checkout, and inside it when
    installed."""
    root = os.path.dirname(_PACKAGE)
    # In a checkout, plugins are where plugin managers look: at its top, or where fisher copies from.
    plugin = os.path.join(root, "conf.d/lkr.fish" if name == "lkr.plugin.fish" else name)
    beside = plugin if name.startswith("lkr.plugin.") else os.path.join(root, folder, name)
    for path in (os.path.join(_PACKAGE, "data", folder, name), beside):
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                return file.read()
    raise LkrError(f"this installation lacks {folder}/{name}", "install lkrshell again")


def preamble(shell: str) -> str:
    """The statements that tell the hook where the program is."""
    speak = base.dialect(shell)
    import pyrage  # shows where our dependencies are; sysconfig would take longer

    places = os.path.dirname(_PACKAGE), os.path.dirname(os.path.dirname(pyrage.__file__))
    site = "\n".join(dict.fromkeys(map(_lasting, places)))
    values = {
        # The interpreter behind a virtual environment starts faster, and the hook tells it where our modules are.
        "__lkr_python": _lasting(getattr(sys, "_base_executable", None) or sys.executable),
        "__lkr_boot": os.path.join(_lasting(_PACKAGE), "boot.py"),
        "__lkr_site": site,
        "__lkr_version": lkrshell.__version__,
        "__lkr_generation": paths.generation_dir(),
    }
    return "".join(speak.setting(name, value) for name, value in values.items())


def _lasting(path: str) -> str:
    """A name for `path` that stays valid when Homebrew upgrades it: PREFIX/opt/FORMULA instead of
    PREFIX/Cellar/FORMULA/VERSION."""
    prefix, _, rest = path.partition("/Cellar/")
    words = rest.split("/", 2)
    if len(words) < 3:
        return path
    other = f"{prefix}/opt/{words[0]}/{words[2]}"
    return other if os.path.exists(other) and os.path.samefile(other, path) else path


def main(shell: str) -> int:
    """Prints the hook without the command line library. Returns the exit code."""
    try:
        data = memoryview(text(shell).encode("utf-8", "surrogateescape"))
        while data:
            data = data[os.write(1, data) :]
    except LkrError as error:
        os.write(2, f"lkr: {show(str(error))}\n".encode("utf-8", "backslashreplace"))
        return error.code
    except BrokenPipeError:
        return 1
    except OSError as error:
        os.write(2, f"lkr: cannot write to standard output: {error.strerror}\n".encode())
        return 1
    return 0


def text(shell: str) -> str:
    """The whole hook."""
    bundle_writer.write(_PACKAGE)
    return preamble(shell) + data("shell", f"lkr.{shell}")
