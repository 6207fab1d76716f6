"""The rooms of the package: lower ones never import higher ones, core does no I/O, commands import no command."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import lkrshell

PACKAGE = Path(lkrshell.__file__).parent
# What each room may import besides itself. A new room is one row.
_BELOW_PROJECT = {"core", "state", "vendors", "stores", "sources", "system"}
_BELOW_RUNTIME = {*_BELOW_PROJECT, "project", "shells"}
MAY_IMPORT = {
    "core": set[str](),
    "system": {"core"},
    "state": {"core"},
    "vendors": {"core", "state"},
    "stores": {"core", "state"},
    "sources": {"core", "state", "vendors", "stores"},
    "project": _BELOW_PROJECT,
    "shells": {*_BELOW_PROJECT, "project"},
    "team": {*_BELOW_PROJECT, "project"},
    "runtime": {*_BELOW_RUNTIME, "scan"},
    "broker": {*_BELOW_RUNTIME, "runtime"},
    "doctor": {*_BELOW_RUNTIME, "runtime", "scan"},
    "scan": {*_BELOW_PROJECT, "project"},
    "api": {*_BELOW_RUNTIME, "runtime"},
    "integrations": {*_BELOW_RUNTIME, "runtime", "scan", "api"},
    "cli": {*_BELOW_RUNTIME, "runtime", "doctor", "broker", "scan", "api", "integrations", "team"},
}
IO_MODULES = {"subprocess", "socket", "shutil", "tempfile", "pathlib", "io", "fcntl", "urllib", "http"}
IO_CALLS = {"open", "print", "input"}
PURE_OS = {"path", "sep", "pathsep", "fsencode", "fsdecode"}


def modules(room: str = "") -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted((PACKAGE / room).rglob("*.py")):
        yield path.relative_to(PACKAGE), ast.parse(path.read_text())


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported anywhere in `tree`, in all branches, with the names taken from a package."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a name comes from"
            yield from (f"{node.module}.{each.name}" for each in node.names)


def test_every_folder_of_the_package_is_a_room_with_a_rule() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir()} - {"__pycache__", "data"}
    assert folders == set(MAY_IMPORT)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    for path, tree in modules(room):
        for name in imported(tree):
            if name.startswith("lkrshell.") and not name.startswith("lkrshell.__"):
                other = name.split(".")[1]
                assert other == room or other in MAY_IMPORT[room], f"{path} imports {name}"


def test_a_command_imports_no_other_command() -> None:
    for path, tree in modules("cli"):
        for name in imported(tree):
            assert ".cmd_" not in name, f"{path} imports {name}"


# Who may change keys, and grants; what they call is not to be called elsewhere.
WRITERS = {
    "runtime/keys.py": {"store.set", "store.delete", "index.write", "index.remove"},
    "sources/cache.py": {"store.set", "store.delete", "index.write", "index.remove"},
    "project/approve.py": {"grants.write", "grants.remove"},
}


def test_three_services_alone_write_keys_and_grants() -> None:
    found: dict[str, set[str]] = {}
    for path, tree in modules():
        if path.parts[0] in ("stores", "testing.py"):  # what a store does within itself, and its contract
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                of, what = ast.unparse(node.func.value), node.func.attr
                if what in ("set", "delete") or (of in ("index", "grants") and what in ("write", "remove")):
                    found.setdefault(str(path), set()).add(f"{of}.{what}")
            if isinstance(node, ast.ImportFrom) and node.module in ("lkrshell.state.index", "lkrshell.project.grants"):
                assert not {each.name for each in node.names} & {"write", "remove"}, path
    assert found == WRITERS


def test_one_module_reads_the_manifest_of_a_place() -> None:
    """Only there is it known which variables the person let in."""
    found = set()
    for path, tree in modules():
        if "lkrshell.project.manifest" in {name.removesuffix(".parse") for name in imported(tree)}:
            calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
            found |= {str(path)} if calls & {"manifest.parse", "parse"} else set()
    assert found == {"project/manifest_reader.py"}


def test_one_module_asks_which_system_this_is() -> None:
    for path, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and str(path) != "core/platform.py":
                asked = ast.unparse(node)
                assert asked not in ("sys.platform", "os.uname().sysname", "platform.system"), f"{path}:{node.lineno}"


def test_core_reads_and_writes_nothing() -> None:
    for path, tree in modules("core"):
        for name in imported(tree):
            assert name.split(".")[0] not in IO_MODULES, f"{path} imports {name}"
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id not in IO_CALLS, f"{path}:{node.lineno} calls {node.func.id}"
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
                assert node.attr in PURE_OS, f"{path}:{node.lineno} uses os.{node.attr}"


MOST_LINES = 50
# Longer ones, each with its reason.
LONG = {"project/schema.py schema": "one literal, which reads like the JSON that it becomes"}


def test_a_function_fits_on_a_page() -> None:
    long = {
        f"{path} {node.name}"
        for path, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= MOST_LINES
    }
    assert long == set(LONG)


def test_no_test_module_imports_another() -> None:
    for path in Path(__file__).parent.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom | ast.Import):
                names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [each.name for each in node.names]
                assert not any(name.startswith("test_") for name in names), f"{path.name}:{node.lineno}"
