"""Writes the bundle: the compiled modules of an export in one file, next to the .pyc files and as trustworthy as those.

`lkr hook` calls this; an export loads only `bundle`. Never writes into a folder that others can write.
"""

import os
import sys

from lkrshell.core import own_python, platform
from lkrshell.shells.base import DIALECTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast

    from lkrshell.shells.bundle import Codes

# The modules that entering a project with a vault loads. All others are imported as usual. A test compares this list
# with what an entry really loads.
MODULES = (
    *(f"lkrshell.shells.{name}" for name in DIALECTS),
    "lkrshell", "lkrshell.core", "lkrshell.core.binding", "lkrshell.core.clock", "lkrshell.core.entry",
    "lkrshell.core.errors", "lkrshell.core.folders", "lkrshell.core.platform", "lkrshell.core.policy",
    "lkrshell.core.records", "lkrshell.core.secret", "lkrshell.core.text", "lkrshell.core.time_limit",
    "lkrshell.dispatch", "lkrshell.project", "lkrshell.project.grants", "lkrshell.project.lookup",
    "lkrshell.project.resolver", "lkrshell.runtime", "lkrshell.runtime.agents", "lkrshell.runtime.export",
    "lkrshell.runtime.known_agents", "lkrshell.runtime.processes", "lkrshell.runtime.session", "lkrshell.shells",
    "lkrshell.shells.base", "lkrshell.shells.bundle", "lkrshell.shells.session_state", "lkrshell.state",
    "lkrshell.state.audit", "lkrshell.state.config", "lkrshell.state.files", "lkrshell.state.generation",
    "lkrshell.state.index", "lkrshell.state.memory", "lkrshell.state.paths", "lkrshell.stores",
    "lkrshell.stores.registry", "lkrshell.stores.vault",
)  # fmt: skip
MACOS = ("lkrshell.runtime.macos_processes", "lkrshell.state.native", "lkrshell.stores.macos_keychain")  # on macOS too


def _every() -> tuple[str, ...]:
    return MODULES + MACOS if platform.DARWIN else MODULES


def name_of(root: str) -> str:
    """The bundle of the package in the folder `root`, for this Python."""
    return f"{root}/__pycache__/export.{sys.implementation.cache_tag}.bundle"


def write(root: str) -> None:
    """Writes the bundle if it is stale or missing. If it cannot, nothing happens, as with a .pyc."""
    import subprocess

    if platform.WINDOWS:
        return  # none of our shells runs on such a system
    try:
        if _is_open_to_others(root):
            _remove(name_of(root))
            return
        if _is_good(root):
            return
    except (OSError, ValueError, EOFError, TypeError, KeyError):
        pass
    # In another process, for its option: code without column numbers is a third smaller.
    python, *words = own_python.command(__name__, root, path=[os.path.dirname(root), *sys.path])
    command = [python, "-B", "-X", "no_debug_ranges", *words]
    subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _is_good(root: str) -> bool:
    """True when boot.py would accept the current bundle, and it holds the right modules, all fresh."""
    import marshal

    from lkrshell.shells import bundle

    with open(os.open(name_of(root), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        info = os.fstat(file.fileno())
        if info.st_uid not in (0, os.getuid()) or info.st_mode & 0o170022 != 0o100000:
            return False
        if file.readline() != _head(root):
            return False
        codes = marshal.loads(file.read())  # noqa: S302
        return set(codes) == {"magic", *_every()} and bundle.is_fresh(root, codes)


def _head(root: str) -> bytes:
    """The first line of a bundle: time and size of the bundle.py that reads it."""
    info = os.stat(f"{root}/shells/bundle.py")
    return f"{info.st_mtime_ns} {info.st_size}\n".encode()


def _is_open_to_others(root: str) -> bool:
    """True when somebody else can put files there. A group with the user's own number belongs to that user alone."""
    folders = {os.path.dirname(root + _source(root, name)) for name in MODULES}
    cache = os.path.dirname(name_of(root))
    for folder in [*folders, cache] if os.path.lexists(cache) else folders:
        info = os.stat(folder)
        if info.st_uid not in (0, os.getuid()) or info.st_mode & 0o002:
            return True
        if info.st_mode & 0o020 and info.st_gid != info.st_uid:
            return True
    return False


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def _source(root: str, name: str) -> str:
    """The path of a module's source below the package."""
    path = name.removeprefix("lkrshell").replace(".", "/")
    return f"{path}/__init__.py" if os.path.isdir(root + path) else f"{path}.py"


def _imports(name: str, tree: "ast.Module", every: tuple[str, ...]) -> list[str]:
    """The modules of the bundle that a module needs when it is loaded: its packages, and its top-level imports."""
    import ast

    found = [name]
    for node in tree.body:
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


def _without_types(tree: "ast.Module") -> None:
    """Removes annotations, which Python would evaluate at each entry, and what only type checkers read."""
    import ast

    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.annotation = None
        elif isinstance(node, ast.AnnAssign):
            node.annotation = ast.Constant(None)
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    ast.fix_missing_locations(tree)


def main(root: str) -> None:
    """Compiles and writes the bundle of the package in the folder `root`."""
    import ast
    import marshal
    from importlib.util import MAGIC_NUMBER

    codes: Codes = {"magic": MAGIC_NUMBER}
    head = _head(root)
    direct: dict[str, list[str]] = {}
    every = _every()
    for name in every:
        path = _source(root, name)
        with open(root + path, "rb") as file:
            info, tree = os.fstat(file.fileno()), ast.parse(file.read())
        direct[name], needs = _imports(name, tree, every), list[str]()
        _without_types(tree)
        code = compile(tree, root + path, "exec", dont_inherit=True, optimize=2)
        codes[name] = (info.st_mtime_ns, info.st_size, code, needs, path)
    for name in every:
        _collect(name, direct, codes[name][3], {name})
    _put(root, head + marshal.dumps(codes))


def _put(root: str, data: bytes) -> None:
    """Writes the bundle atomically, readable for whoever may read the sources."""
    target = name_of(root)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        os.mkdir(folder, 0o755)
        os.chmod(folder, os.stat(folder).st_mode & 0o777 | 0o700)  # even if the umask takes rights from us
    temporary = f"{target}.{os.urandom(8).hex()}"
    mode = 0o600 | os.stat(root).st_mode & os.stat(f"{root}/__init__.py").st_mode & 0o044
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(fd, mode)
        with open(fd, "wb") as file:
            file.write(data)
        os.replace(temporary, target)
    except BaseException:
        _remove(temporary)
        raise
