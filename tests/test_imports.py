"""What an export may import: every module costs start-up time at each entering of a project."""

import marshal
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import OTHERS, User

import lkrshell
from lkrshell.shells import bundle_writer
from lkrshell.shells.base import DIALECTS

ALLOWED = {
    *bundle_writer.MODULES,
    "_blake2", "_ctypes", "_signal", "pyrage", "time", "errno", "struct",
    "os", "stat", "_stat", "posixpath", "genericpath", "os.path", "_collections_abc",
    "abc", "_abc",  # os needs them; before 3.14 they are there from the start
    "pwd",  # where HOME or XDG_CONFIG_HOME were changed on the way here, as in this test
} - {f"lkrshell.shells.{name}" for name in DIALECTS if name != "bash"}  # fmt: skip
SCRIPT = """
import sys
before = set(sys.modules)
sys.path[:0] = sys.argv[1].split(':')
from lkrshell.runtime.export import main
main(['bash'])
print('\\nMODULES', *sorted(set(sys.modules) - before))
"""


def test_an_export_imports_only_what_is_on_the_list(user: User) -> None:
    folder = user.project("p")
    site = [str(Path(lkrshell.__file__).parent.parent), *(path for path in sys.path if path.endswith("site-packages"))]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "utf8", "-c", SCRIPT, ":".join(site)],
        env={**user.env, "PWD": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "__lkr_set 'OPENAI_API_KEY'" in done.stdout
    modules = set(done.stdout.rpartition("MODULES ")[2].split())
    ours = {module for module in modules if not module.startswith("pyrage.")}  # all of one shared library
    assert ours <= ALLOWED, ours - ALLOWED


def loaded(root: Path, user: User, folder: Path) -> str:
    """What boot.py of the package in `root` prints for bash, and after it where the modules came from."""
    site = [str(root.parent), *(path for path in sys.path if path.endswith("site-packages"))]
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-X", "utf8", "-v", str(root / "boot.py"), "\n".join(site), "bash", str(folder)],
        env={**user.env, "PWD": str(folder)}, cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout + "\n".join(line for line in done.stderr.splitlines() if str(root) in line)


def test_the_bundle_has_what_entering_loads_and_serves_only_while_it_is_fresh(user: User, tmp_path: Path) -> None:
    folder = user.project("p")
    root = tmp_path / "lkrshell"
    shutil.copytree(Path(lkrshell.__file__).parent, root, ignore=shutil.ignore_patterns("__pycache__"))
    out = loaded(root, user, folder)
    assert "'openai:prod'" in out and "export.py" in out  # each from its own file

    bundle_writer.write(str(root))
    out = loaded(root, user, folder)
    assert "'openai:prod'" in out
    files = [line for line in out.splitlines() if ".pyc" in line or "code object from" in line]
    assert not files, files  # none but the bundle was opened

    export = root / "runtime/export.py"
    export.write_text(export.read_text().replace('"lkr: " + " "', '"lkr here: " + " "'))
    assert "export.py" in loaded(root, user, folder)  # a source changed: not out of the bundle
    bundle_writer.write(str(root))
    assert "export.py" not in loaded(root, user, folder)

    for damage in (b"", b"damaged", Path(bundle_writer.name_of(str(root))).read_bytes()[:5000]):
        Path(bundle_writer.name_of(str(root))).write_bytes(damage)
        assert "'openai:prod'" in loaded(root, user, folder)
        bundle_writer.write(str(root))
        assert "export.py" not in loaded(root, user, folder)


@pytest.mark.parametrize("words", ["export bash", "exec -- true", "status --short"])
def test_commands_that_others_wait_for_use_the_bundle_too(package: Path, user: User, words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-v", "-m", "lkrshell", *words.split()],
        env={**user.env, "PYTHONPATH": str(package.parent)}, cwd=user.project("p"), capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert f"{package}/project/lookup.py" not in done.stderr
    assert "# <lkrshell.shells.bundle." in done.stderr


@pytest.mark.parametrize("command", ["status", "list", "policy"])
def test_a_daily_command_loads_nothing_that_doubles_its_time(user: User, command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", user.program, command], env=user.env, cwd=user.project("p"),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "lkrshell.cli.main" in modules
    assert not modules & {"asyncio", "click", "dataclasses", "inspect", "keyring", "subprocess", "tomlkit", "typing"}


def test_a_package_folder_that_cannot_be_written_is_no_obstacle(user: User, tmp_path: Path) -> None:
    root = tmp_path / "lkrshell"
    shutil.copytree(Path(lkrshell.__file__).parent, root, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "__pycache__").write_text("in the way")
    bundle_writer.write(str(root))
    assert "'openai:prod'" in loaded(root, user, user.project("p"))


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the package, and its bundle."""
    root = tmp_path / "lkrshell"
    shutil.copytree(Path(lkrshell.__file__).parent, root, ignore=shutil.ignore_patterns("__pycache__"))
    bundle_writer.write(str(root))
    return root


def served(root: Path, user: User, folder: Path) -> bool:
    """True when an export, which works in any case, took its modules out of the bundle."""
    out = loaded(root, user, folder)
    assert "'openai:prod'" in out
    return "export.py" not in out


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_nobody_else_can_write_the_bundle_whatever_the_umask(package: Path, user: User, umask: int) -> None:
    path = Path(bundle_writer.name_of(str(package)))
    path.unlink()
    (package / "__pycache__").rmdir()
    before = os.umask(umask)
    try:
        bundle_writer.write(str(package))
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644
    assert path.parent.stat().st_mode & 0o022 == 0
    assert [each.name for each in path.parent.iterdir()] == [path.name], "no temporary file is left"
    assert served(package, user, user.project("p"))
    (package / "__init__.py").chmod(0o600)
    path.unlink()
    bundle_writer.write(str(package))
    assert path.stat().st_mode & 0o777 == 0o600, "who cannot read the sources cannot read it"


@pytest.mark.parametrize(
    "change", ["mode", "group", pytest.param("owner", marks=OTHERS), "link to it", "pipe", "of another bundle.py"]
)
def test_a_bundle_that_others_could_have_written_is_not_even_read(package: Path, user: User, change: str) -> None:
    path = Path(bundle_writer.name_of(str(package)))
    folder, good = user.project("p"), path.read_bytes()
    mine = user.home / "ran"
    # What marshal reads it as a dict of code; run, it leaves a mark. The rest of it is as it should be.
    codes = {"lkrshell.shells.bundle": (0, 0, compile(f"open({str(mine)!r}, 'w')", "x", "exec"))}
    path.write_bytes(good.partition(b"\n")[0] + b"\n" + marshal.dumps(codes))
    assert not served(package, user, folder) and mine.exists(), "the attack works on a file that is trusted"
    mine.unlink()
    if change == "mode":
        path.chmod(0o646)
    elif change == "group":
        path.chmod(0o664)
    elif change == "owner":
        os.chown(path, 65534, 65534)
    elif change == "link to it":
        elsewhere = user.home / "elsewhere"
        path.rename(elsewhere)
        elsewhere.chmod(0o666)
        path.symlink_to(elsewhere)
    elif change == "pipe":
        path.unlink()
        os.mkfifo(path)
    else:
        os.utime(package / "shells/bundle.py", (1, 1))
    assert not served(package, user, folder)
    assert not mine.exists(), "it ran"
    bundle_writer.write(str(package))
    assert served(package, user, folder), "and lkr hook writes it anew"


@pytest.mark.parametrize("where", ["", "__pycache__", "state"])
def test_there_is_no_bundle_in_a_folder_that_others_can_write(package: Path, user: User, where: str) -> None:
    path = Path(bundle_writer.name_of(str(package)))
    (package / where).chmod(0o777)
    bundle_writer.write(str(package))
    assert not path.exists()
    assert not served(package, user, user.project("p"))
    if os.getuid() == 0:  # who else could give it to another group?
        (package / where).chmod(0o775)
        os.chown(package / where, -1, 65534)
        bundle_writer.write(str(package))
        assert not path.exists()
    (package / where).chmod(0o755)
    bundle_writer.write(str(package))
    assert path.exists()
