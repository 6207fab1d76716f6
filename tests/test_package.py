"""What a release is: an sdist, the wheel made from it, and programs that work where pip, pipx and uv put them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import filelock
import pytest
import vaults
from conftest import BIN, VALUE, User

ROOT = Path(__file__).parent.parent


def run(*words: str | Path, **more: str) -> None:
    done = subprocess.run(
        [str(word) for word in words],
        env={**os.environ, **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=250,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def by_pip(wheel: Path, folder: Path) -> Path:
    run(sys.executable, "-m", "venv", "--without-pip", folder / "env")
    run(sys.executable, "-m", "pip", "--python", folder / "env/bin/python", "install", "-q", wheel)
    return folder / "env/bin"


def by_pipx(wheel: Path, folder: Path) -> Path:
    homes = {"PIPX_HOME": "home", "PIPX_BIN_DIR": "bin", "PIPX_MAN_DIR": "man", "PIPX_SHARED_LIBS": "shared"}
    settings = {name: str(folder / each) for name, each in homes.items()}
    run(f"{BIN}/pipx", "install", "--python", sys.executable, wheel, **settings)
    assert (folder / "man/man1/lkr.1").exists()
    return folder / "bin"


def by_uv(wheel: Path, folder: Path) -> Path:
    homes = {"UV_TOOL_DIR": "tools", "UV_TOOL_BIN_DIR": "bin", "UV_CACHE_DIR": "cache"}
    settings = {name: str(folder / each) for name, each in homes.items()}
    run(f"{BIN}/uv", "tool", "install", "--no-config", "--python", sys.executable, wheel, **settings)
    return folder / "bin"


def by_uv_with_the_oldest(wheel: Path, folder: Path) -> Path:
    """The oldest versions that pyproject.toml allows; the others are tried with the newest."""
    run(sys.executable, "-m", "venv", "--without-pip", folder / "env")
    python = str(folder / "env/bin/python")
    words = ["pip", "install", "--no-config", "--resolution", "lowest-direct", "--python", python]
    run(f"{BIN}/uv", *words, wheel, UV_CACHE_DIR=str(folder / "cache"))
    return folder / "env/bin"


@pytest.fixture(scope="session")
def wheel(shared_folder: Path) -> Path:
    """The wheel of `make dist-check`, or else one made here, once for all workers; by way of an sdist, which so is
    whole."""
    folder = shared_folder / "dist"
    if "LKR_DIST" in os.environ:
        folder = Path(os.environ["LKR_DIST"]).absolute()
    else:
        with filelock.FileLock(f"{folder}.lock"):
            if not list(folder.glob("*.whl")):
                run(sys.executable, "-m", "build", "--installer", "uv", "--outdir", folder, ROOT)
    (found,) = folder.glob("*.whl")
    return found


@pytest.mark.parametrize("install", [by_pip, by_pipx, by_uv, by_uv_with_the_oldest])
def test_the_wheel_does_the_main_job_where_an_installer_puts_it(
    wheel: Path, tmp_path: Path, install: Callable[[Path, Path], Path]
) -> None:
    (tmp_path / "away").mkdir()
    bin_folder = install(wheel, tmp_path / "away")
    (tmp_path / "home").mkdir()
    user = User(tmp_path / "home", str(bin_folder))
    version = wheel.name.split("-")[1]
    assert version in user.lkr("--version")
    for words in ([], ["vault"], ["help", "set"]):
        help_text = user.lkr(*words)
        assert help_text.startswith("Usage: lkr") and help_text.count("\n") > 8, "lines, not one escaped line"
    assert "did you mean lkr vault?" in user.lkr("vualt", code=64)
    if install in (by_pipx, by_uv):  # a new vault costs seconds, and by_pip gets the same libraries
        vaults.make(user.home / ".local/share/lkr/vault", b"a passphrase")
    user.lkr("unlock", "--stdin", stdin=b"a passphrase\n")
    user.lkr("set", "openai:prod", "--stdin", "--force", stdin=VALUE.encode())
    folder = user.project("p")
    test = 'test "${#OPENAI_API_KEY}" = ' + str(len(VALUE))
    user.lkr("exec", "--", "sh", "-c", test, cwd=folder)
    programs = [["lkr"], ["lkrsh"]] + ([["python", "-m", "lkrshell"]] if (bin_folder / "python").exists() else [])
    for program in programs:
        command = [str(bin_folder / program[0]), *program[1:]]
        hook = subprocess.run([*command, "hook", "bash"], env=user.env, check=True, capture_output=True, text=True)
        assert str(tmp_path / "away") in hook.stdout
        script = f"{hook.stdout}\n__lkr_hook\n{test} && echo loaded"
        done = subprocess.run(
            ["bash", "--norc", "-c", script], cwd=folder, env=user.env, capture_output=True, text=True
        )
        assert "loaded" in done.stdout, done.stderr
