"""One file with the compiled modules of an export: entering a project opens one file and not two dozen.

`lkr hook` writes it beside the .pyc files, which it equals in trust and in what it is: it serves only for the same
Python, and while each source has the size and the time that it had. boot.py reads it and runs this very module out
of it. On the path of `lkr export`.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    Codes = dict[str, Any]  # "magic": Python's own number; a module's name: (time in ns, size in bytes, its code)

# What entering with a vault loads; others come in the usual way. A test holds this to what is loaded.
MODULES = (
    "lkrshell", "lkrshell.core", "lkrshell.core.clock", "lkrshell.core.entry", "lkrshell.core.errors",
    "lkrshell.core.folders", "lkrshell.core.policy",
    "lkrshell.core.records", "lkrshell.core.secret", "lkrshell.core.text", "lkrshell.core.time_limit",
    "lkrshell.core.want", "lkrshell.dispatch", "lkrshell.project", "lkrshell.project.grants",
    "lkrshell.project.lookup", "lkrshell.project.resolver", "lkrshell.runtime", "lkrshell.runtime.agents",
    "lkrshell.runtime.export", "lkrshell.runtime.known_agents", "lkrshell.runtime.session", "lkrshell.shells",
    "lkrshell.shells.bundle", "lkrshell.shells.dialects", "lkrshell.state", "lkrshell.state.audit",
    "lkrshell.state.config", "lkrshell.state.files", "lkrshell.state.generation", "lkrshell.state.index",
    "lkrshell.state.memory", "lkrshell.state.paths", "lkrshell.stores", "lkrshell.stores.registry",
    "lkrshell.stores.vault",
)  # fmt: skip
PACKAGES = (
    "lkrshell", "lkrshell.core", "lkrshell.project", "lkrshell.runtime", "lkrshell.shells", "lkrshell.state",
    "lkrshell.stores",
)  # fmt: skip


def name_of(root: str) -> str:
    """The bundle of the package in the folder `root`, for this Python."""
    return f"{root}/__pycache__/export.{sys.implementation.cache_tag}.bundle"


def _is_fresh(root: str, codes: "Codes") -> bool:
    """True when `codes` are of this Python and of the sources as they are."""
    import _frozen_importlib_external
    from posix import stat

    if codes["magic"] != _frozen_importlib_external.MAGIC_NUMBER:
        return False
    for name in MODULES:
        info = stat(_source(root, name))
        if (info.st_mtime_ns, info.st_size) != codes[name][:2]:
            return False
    return True


def install(root: str, codes: "Codes") -> None:
    """Has imports take what is in `codes`, unless that is stale."""
    if not _is_fresh(root, codes):
        return
    make = type(sys.__spec__)  # ModuleSpec, without an import

    class Finder:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> object:
            if name not in codes:
                return None
            origin = _source(root, name)
            spec = make(name, Finder, origin=origin, is_package=name in PACKAGES)  # type: ignore[arg-type]
            spec.has_location = True
            if name in PACKAGES:
                spec.submodule_search_locations = [origin.rpartition("/")[0]]
            return spec

        @staticmethod
        def create_module(spec: object) -> None:
            return None

        @staticmethod
        def exec_module(module: "ModuleType") -> None:
            exec(codes[module.__name__][2], module.__dict__)  # noqa: S102  # as every import does

    sys.meta_path.insert(0, Finder)  # type: ignore[arg-type]


def _source(root: str, name: str) -> str:
    path = root + name[len("lkrshell") :].replace(".", "/")
    return f"{path}/__init__.py" if name in PACKAGES else f"{path}.py"


def write(root: str) -> None:
    """Makes the bundle anew where it is stale or missing; nothing where that cannot be, as for a .pyc."""
    import marshal
    import os
    import subprocess

    if os.name != "posix":
        return  # no shell of ours there
    try:
        with open(name_of(root), "rb") as file:
            if _is_fresh(root, marshal.loads(file.read())):  # noqa: S302  # as trusted as a .pyc
                return
    except (OSError, ValueError, EOFError, TypeError, KeyError):
        pass
    # Another process, for its option: code without the columns of its lines is a third smaller.
    command = [sys.executable, "-I", "-S", "-X", "no_debug_ranges", __file__, root]
    subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _compile(root: str) -> None:
    import marshal
    import os
    from importlib.util import MAGIC_NUMBER

    codes: dict[str, object] = {"magic": MAGIC_NUMBER}
    for name in MODULES:
        path = _source(root, name)
        with open(path, "rb") as file:
            info, text = os.fstat(file.fileno()), file.read()
        codes[name] = (info.st_mtime_ns, info.st_size, compile(text, path, "exec", dont_inherit=True, optimize=2))
    target = name_of(root)
    temporary = f"{target}.{os.getpid()}"
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(temporary, "xb") as file:
        file.write(marshal.dumps(codes))
    os.replace(temporary, target)


if __name__ == "__main__":
    _compile(sys.argv[1])
