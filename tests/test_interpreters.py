"""Which Python the hook names, and what becomes of it when another program upgrades or removes it.

The layouts are those of Homebrew, as it makes them on macOS and on Linux. What a framework's Python.app says of itself,
only a Mac can show: tests/test_on_a_mac.py.
"""

import os
import subprocess
import sys
from pathlib import Path

import pyrage
import pytest
import standin
from conftest import VALUE, User
from shells import HOOK, Shell

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


class Homebrew:
    """Formulae as PREFIX/Cellar/FORMULA/VERSION, with the link PREFIX/opt/FORMULA to the one in use."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        (prefix / "opt").mkdir(parents=True)
        (prefix / "bin").mkdir()
        self.python = self.keg(f"python@{VERSION}", f"{VERSION}.1")
        (self.python / "bin").mkdir(parents=True)
        base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
        (self.python / f"bin/python{VERSION}").symlink_to(base)
        self.lkr = self.keg("lkrshell", "1.0")
        self.lkr.mkdir(parents=True)
        program = standin.system_package(self.lkr / "libexec", sys.platform)
        places = [str(program.parent.parent / "site"), str(Path(pyrage.__file__).parent.parent)]
        program.write_text(
            # The interpreter's name in the Cellar is what Python has of itself in a framework.
            f"#!{self.python}/bin/python{VERSION} -I\n"
            f"import sys\nsys.path[:0] = {places!r}\nfrom lkrshell.__main__ import main\nsys.exit(main())\n"
        )
        (prefix / "bin/lkr").symlink_to(program)

    def keg(self, formula: str, version: str) -> Path:
        (self.prefix / "opt" / formula).unlink(missing_ok=True)
        (self.prefix / "opt" / formula).symlink_to(f"../Cellar/{formula}/{version}")
        return self.prefix / "Cellar" / formula / version

    def upgrade(self, formula: str, version: str) -> None:
        """As `brew upgrade` and `brew cleanup` leave it."""
        before = (self.prefix / "opt" / formula).resolve()
        before.rename(self.keg(formula, version))


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_a_live_shell_outlives_an_upgrade_of_homebrews_python_and_of_lkr(user: User, tmp_path: Path, name: str) -> None:
    brew = Homebrew(tmp_path / "homebrew")
    folder = user.project("p")
    user.env["PATH"] = f"{brew.prefix}/bin:{user.env['PATH']}"
    shell = Shell(name, user.env, user.home, hook=False)
    try:
        shell.run(HOOK[name])
        for formula, version in ((f"python@{VERSION}", f"{VERSION}.2"), ("lkrshell", "1.1")):
            brew.upgrade(formula, version)
            shell.run(f"cd {folder}")
            assert shell.value("OPENAI_API_KEY") == VALUE, formula
            shell.run("cd /")
            assert "lkr: " not in shell.run(":") and shell.value("OPENAI_API_KEY") is None
    finally:
        shell.close()


def test_a_folder_called_cellar_is_not_homebrew(tmp_path: Path) -> None:
    from lkrshell.shells import hook

    place = tmp_path / "Cellar/wine/1/bin"
    place.mkdir(parents=True)
    for path in (place, tmp_path / "Cellar/wine", tmp_path / "Cellar", Path("/usr/bin/python3")):
        assert hook._lasting(str(path)) == str(path)
    (tmp_path / "opt/wine/bin").mkdir(parents=True)  # another one
    assert hook._lasting(str(place)) == str(place)


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_a_kept_hook_whose_python_is_gone_is_not_used(user: User, name: str) -> None:
    user.lkr("install", name, "--yes")
    subprocess.run([name, "-ic", ":"], env=user.env, cwd=user.home)  # which keeps the hook
    kept = user.home / f".cache/lkr/hook.{name}"
    lines = kept.read_text().splitlines()
    info = kept.stat()
    at = next(index for index, line in enumerate(lines) if "__lkr_python" in line)
    lines[at] = lines[at].replace("/bin/python", "/gone/python")
    kept.write_text("\n".join(lines) + "\n")
    os.utime(kept, ns=(info.st_atime_ns, info.st_mtime_ns))
    folder = user.project("p")
    shell = Shell(name, user.env, folder, hook=False, words=[name, "-i"])
    try:
        assert shell.value("OPENAI_API_KEY") == VALUE
    finally:
        shell.close()
