"""Puts the compiled modules of an export into one file, so that entering a project opens one file instead of forty.

`lkr hook` writes it next to the .pyc files, and it is as trustworthy as they are. It is used only with the same Python,
and while each source has the same size and time. boot.py reads it if root or the user owns it and nobody else can write
it, and runs this module out of it. There is no bundle in a folder that others can write.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    # "magic" is the number of Python's bytecode. By module: (time in ns, size in bytes, code, the modules that must be
    # loaded first, in that order).
    Codes = dict[str, Any]

# The modules that entering a project with a vault loads. All others are imported as usual. A test compares this list
# with what an entry really loads.
MODULES = (
    "lkrshell", "lkrshell.core", "lkrshell.core.binding", "lkrshell.core.clock", "lkrshell.core.entry",
    "lkrshell.core.errors", "lkrshell.core.folders", "lkrshell.core.platform", "lkrshell.core.policy",
    "lkrshell.core.records", "lkrshell.core.secret", "lkrshell.core.text", "lkrshell.core.time_limit",
    "lkrshell.dispatch", "lkrshell.project", "lkrshell.project.grants", "lkrshell.project.lookup",
    "lkrshell.project.resolver", "lkrshell.runtime", "lkrshell.runtime.agents", "lkrshell.runtime.export",
    "lkrshell.runtime.known_agents", "lkrshell.runtime.processes", "lkrshell.runtime.session", "lkrshell.shells",
    "lkrshell.shells.base", "lkrshell.shells.bash", "lkrshell.shells.bundle", "lkrshell.shells.direnv",
    "lkrshell.shells.fish", "lkrshell.shells.session_state", "lkrshell.shells.zsh", "lkrshell.state",
    "lkrshell.state.audit", "lkrshell.state.config", "lkrshell.state.files", "lkrshell.state.generation",
    "lkrshell.state.index", "lkrshell.state.memory", "lkrshell.state.paths", "lkrshell.stores",
    "lkrshell.stores.registry", "lkrshell.stores.vault",
)  # fmt: skip
MACOS = ("lkrshell.runtime.macos_processes", "lkrshell.state.native", "lkrshell.stores.macos_keychain")  # on macOS too
PACKAGES = (
    "lkrshell", "lkrshell.core", "lkrshell.project", "lkrshell.runtime", "lkrshell.shells", "lkrshell.state",
    "lkrshell.stores",
)  # fmt: skip


def name_of(root: str) -> str:
    """The bundle of the package in the folder `root`, for this Python."""
    return f"{root}/__pycache__/export.{sys.implementation.cache_tag}.bundle"


def _is_fresh(root: str, codes: "Codes") -> bool:
    """True when `codes` belong to this Python and to the current sources."""
    import _frozen_importlib_external
    from posix import stat

    if codes["magic"] != _frozen_importlib_external.MAGIC_NUMBER:
        return False
    for name in codes:
        if name != "magic":
            info = stat(_source(root, name))
            if (info.st_mtime_ns, info.st_size) != codes[name][:2]:
                return False
    return True


def install(root: str, codes: "Codes") -> None:
    """Makes imports use `codes`, unless they are stale."""
    if not _is_fresh(root, codes):
        return
    modules, new_module, new_spec = sys.modules, type(sys), type(sys.__spec__)  # ModuleSpec, without an import

    class Finder:
        @staticmethod
        def find_spec(name: str, path: object = None, target: object = None) -> object:
            if name not in codes:
                return _pyrage() if name == "pyrage" else None
            for other in codes[name][3]:
                if other not in modules:
                    load(other)
            return spec_of(name)

        @staticmethod
        def create_module(spec: object) -> None:
            return None

        @staticmethod
        def exec_module(module: "ModuleType") -> None:
            exec(codes[module.__name__][2], module.__dict__)  # noqa: S102  # as every import does

    def spec_of(name: str) -> "Any":
        origin = _source(root, name)
        spec = new_spec(name, Finder, origin=origin, is_package=name in PACKAGES)  # type: ignore[arg-type]
        spec.has_location = True
        if name in PACKAGES:
            spec.submodule_search_locations = [origin.rpartition("/")[0]]
        return spec

    def load(name: str) -> None:
        """Loads a module whose dependencies are loaded. The import system would take ten times as long."""
        spec, module = spec_of(name), new_module(name)
        parent, _, child = name.rpartition(".")
        module.__spec__, module.__loader__, module.__package__ = spec, spec.loader, spec.parent
        module.__file__ = spec.origin
        if name in PACKAGES:
            module.__path__ = spec.submodule_search_locations
        modules[name] = module
        try:
            exec(codes[name][2], module.__dict__)  # noqa: S102
        except BaseException:
            del modules[name]
            raise
        if parent:
            setattr(modules[parent], child, module)

    sys.meta_path.insert(0, Finder)  # type: ignore[arg-type]


def _pyrage() -> object:
    """The library's compiled module, which is all that its package exports; None if the package looks different.

    Searches sys.path in order, as Python does, but by the file's name, since listing the folders takes longer.
    """
    from _frozen_importlib_external import ExtensionFileLoader, spec_from_file_location
    from posix import stat

    for folder in sys.path:
        path = f"{folder}/pyrage/pyrage.abi3.so"
        try:
            stat(path)
        except OSError:
            continue
        return spec_from_file_location("pyrage", path, loader=ExtensionFileLoader("pyrage", path))
    return None


def _source(root: str, name: str) -> str:
    path = root + name[len("lkrshell") :].replace(".", "/")
    return f"{path}/__init__.py" if name in PACKAGES else f"{path}.py"


def write(root: str) -> None:
    """Writes the bundle if it is stale or missing. If that is impossible, nothing happens, as with a .pyc."""
    import subprocess

    from lkrshell.core import platform

    if platform.WINDOWS:
        return  # none of our shells runs there
    try:
        if _is_open_to_others(root):
            _remove(name_of(root))
            return
        if _is_good(root):
            return
    except (OSError, ValueError, EOFError, TypeError, KeyError):
        pass
    # In another process, for its option: code without column numbers is a third smaller.
    command = [sys.executable, "-I", "-S", "-X", "no_debug_ranges", __file__, root]
    subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _is_good(root: str) -> bool:
    """True when boot.py would accept the current bundle, and everything in it is fresh."""
    import marshal
    import os

    with open(os.open(name_of(root), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        info = os.fstat(file.fileno())
        if info.st_uid not in (0, os.getuid()) or info.st_mode & 0o170022 != 0o100000:
            return False
        return file.readline() == _head(root) and _is_fresh(root, marshal.loads(file.read()))  # noqa: S302


def _head(root: str) -> bytes:
    """The first line of a bundle: time and size of the bundle.py that made it."""
    from posix import stat

    info = stat(_source(root, "lkrshell.shells.bundle"))
    return f"{info.st_mtime_ns} {info.st_size}\n".encode()


def _is_open_to_others(root: str) -> bool:
    """True when somebody else can put files there. A group with the user's own number belongs to that user alone."""
    import os

    folders = [os.path.dirname(_source(root, name)) for name in PACKAGES]
    cache = os.path.dirname(name_of(root))
    for folder in [*folders, cache] if os.path.lexists(cache) else folders:
        info = os.stat(folder)
        if info.st_uid not in (0, os.getuid()) or info.st_mode & 0o002:
            return True
        if info.st_mode & 0o020 and info.st_gid != info.st_uid:
            return True
    return False


def _remove(path: str) -> None:
    import os

    try:
        os.unlink(path)
    except OSError:
        pass


def _modules(root: str) -> tuple[str, ...]:
    """The modules of the bundle on this system, according to core/platform.py of the package in `root`."""
    names: dict[str, object] = {}
    with open(_source(root, "lkrshell.core.platform"), "rb") as file:
        exec(file.read(), names)  # noqa: S102
    return MODULES + MACOS if names["DARWIN"] else MODULES


def _imports(name: str, text: bytes, every: tuple[str, ...]) -> list[str]:
    """The modules of the bundle that a module needs when it is loaded: its packages, and its top-level imports."""
    import ast

    found = [name]
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import):
            found += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{each.name}" for each in node.names]
    packages = [each.rsplit(".", count)[0] for each in found for count in range(each.count("."), -1, -1)]
    return [each for each in dict.fromkeys(packages) if each in every and each != name]


def _collect(name: str, direct: dict[str, list[str]], into: list[str], seen: set[str]) -> None:
    """Adds the modules that `name` needs, each after its own dependencies."""
    for other in direct[name]:
        if other not in seen:
            seen.add(other)
            _collect(other, direct, into, seen)
            into.append(other)


def _compile(root: str) -> None:
    import marshal
    import os
    from importlib.util import MAGIC_NUMBER

    codes: Codes = {"magic": MAGIC_NUMBER}
    head = _head(root)
    direct: dict[str, list[str]] = {}
    every = _modules(root)
    for name in every:
        path = _source(root, name)
        with open(path, "rb") as file:
            info, text = os.fstat(file.fileno()), file.read()
        direct[name], needs = _imports(name, text, every), list[str]()
        code = compile(text, path, "exec", dont_inherit=True, optimize=2)
        codes[name] = (info.st_mtime_ns, info.st_size, code, needs)
    for name in every:
        _collect(name, direct, codes[name][3], {name})
    target = name_of(root)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        os.mkdir(folder, 0o755)
        os.chmod(folder, os.stat(folder).st_mode & 0o777 | 0o700)  # whatever the umask leaves us
    temporary = f"{target}.{os.urandom(8).hex()}"
    # Whoever may read the sources may read this.
    mode = 0o600 | os.stat(root).st_mode & os.stat(_source(root, MODULES[0])).st_mode & 0o044
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(fd, mode)
        with open(fd, "wb") as file:
            file.write(head + marshal.dumps(codes))
        os.replace(temporary, target)
    except BaseException:
        _remove(temporary)
        raise


if __name__ == "__main__":
    _compile(sys.argv[1])
