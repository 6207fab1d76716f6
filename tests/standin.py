"""The stand-in for macOS (tests/darwin/standin.c), and the whole program on top of it, as on macOS.

These tests show that lkr's calls, their types, their ownership rules and their errors match Apple's published headers.
Only a Mac shows that macOS behaves accordingly; tests for that are marked `macos`.
"""

import os
import shutil
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import filelock
import vaults
from conftest import User

import lkrshell

SOURCE = Path(__file__).parent / "darwin/standin.c"
WARNINGS = ("-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1")
PASSWORD = "the keychain's password"


def build(folder: Path) -> Path:
    """Compiles the library once for all tests that run at the same time. Returns its path."""
    library = folder / f"standin-{SOURCE.stat().st_mtime_ns}.so"
    with filelock.FileLock(f"{library}.lock"):
        if not library.exists():
            made = library.with_suffix(f".{os.getpid()}")
            command = ["cc", *WARNINGS, "-shared", "-fPIC", "-pthread", "-o", str(made), str(SOURCE)]
            subprocess.run(command, check=True)
            made.rename(library)
    return library


class Mac:
    """The state of one stand-in: what its person does, and what it saw."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.folder, self.library = folder, library
        folder.mkdir(mode=0o700)

    def switch(self, *words: str) -> None:
        """Sets what happens from now on: "no-gui", "answer=allow", "unlock=PASSWORD", "fail=FUNCTION:STATUS", and so
        on."""
        (self.folder / "switch").write_text("".join(f"{word}\n" for word in words))

    def dialogs(self) -> list[str]:
        """Returns what macOS would have asked the person since the last call."""
        path = self.folder / "dialogs"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def counts(self) -> dict[int, tuple[int, int, int]]:
        """Returns for each process the objects and buffers that it holds, or held when it ended, and its number of
        calls."""
        found = {}
        for path in (self.folder / "counts").iterdir():
            objects, buffers, calls = struct.unpack("qqq", path.read_bytes())
            found[int(path.name)] = (objects, buffers, calls)
        return found

    def check(self) -> None:
        """Checks that every process released everything exactly once, and used nothing afterwards."""
        errors = self.folder / "errors"
        end = time.monotonic() + 20
        # a process in the background may be in the middle of a call
        while held := {pid: each[:2] for pid, each in self.counts().items() if each[:2] != (0, 0)}:
            assert time.monotonic() < end, held
            time.sleep(0.05)
        assert not errors.exists(), errors.read_text()

    def pasteboard(self) -> dict[str, str]:
        """Returns what was copied, by type."""
        lines = (self.folder / "pasteboard").read_text().splitlines()[1:]
        return {kind: bytes.fromhex(data.strip("-")).decode() for kind, data in (line.split(" ") for line in lines)}


def system_package(folder: Path, system: str, library: Path | None = None, state: Path | None = None) -> Path:
    """Copies lkr so that it takes this system for another one. Returns the path for its program."""
    root = folder / "site/lkrshell"
    shutil.copytree(Path(lkrshell.__file__).parent, root, ignore=shutil.ignore_patterns("__pycache__"))
    repository = Path(lkrshell.__file__).parent.parent
    for beside in ("shell", "completions"):
        if (repository / beside).is_dir():
            shutil.copytree(repository / beside, root.parent / beside)
    platform = root / "core/platform.py"
    text = platform.read_text()
    assert text.count("= sys.platform\n") == 1 and "\ndef library(name: str) -> str:\n" in text
    text = text.replace("= sys.platform\n", f"= {system!r}\n")
    if state:
        text += f"\n\nimport os\nos.environ.setdefault('LKR_STANDIN', {str(state)!r})\n"
    platform.write_text(f"{text}\n\ndef library(name: str) -> str:\n    return {str(library)!r}\n")
    # An interrupted process releases nothing, and on a busy machine an entry may run out of time.
    export = root / "runtime/export.py"
    head, limit, rest = export.read_text().partition("\n_TIME_LIMIT = ")
    assert limit
    export.write_text(f"{head}{limit}60 + {rest}")
    program = folder / "bin/lkr"
    program.parent.mkdir()
    program.touch(0o755)
    return program


def darwin_package(folder: Path, library: Path, state: Path | None = None) -> Path:
    """Copies lkr so that it takes this system for macOS. Returns the path of its program.

    `state` is the stand-in's folder for processes that start with an empty environment, as the broker does.
    """
    program = system_package(folder, "darwin", library, state)
    root = folder / "site/lkrshell"
    program.write_text(
        f"#!{sys.executable} -I\n"
        f"import sys\nsys.path[:0] = {[str(root.parent), str(Path(__file__).parent)]!r}\n"
        f"if set(sys.argv[1:2]) & set({vaults.SEALING!r}):\n    import vaults\n    vaults.seal_cheaply()\n"
        "from lkrshell.__main__ import main\nsys.exit(main())\n"
    )
    return program


class MacUser(User):
    """A user of the stand-in. Everything goes through the command line, as on a Mac."""

    def __init__(self, home: Path, program: Path, mac: Mac) -> None:
        home.mkdir(mode=0o700, exist_ok=True)
        self.mac = mac
        super().__init__(home, str(program.parent))
        del self.env["LKR_BACKEND"]
        self.env |= {"LKR_STANDIN": str(mac.folder), "LKR_STANDIN_TEMP": str(mac.folder / "T")}

    def config(self, text: str) -> None:
        folder = self.home / "Library/Application Support/lkr"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / "config.toml").write_text(("agent_ancestors = false\n" if _under_agent() else "") + text)

    def keychain(self) -> Path:
        return self.home / "Library/Keychains/lkr.keychain-db"


def _under_agent() -> bool:
    import conftest

    return conftest.UNDER_AGENT


Patch = Callable[[Any, str, Any], None]


def here(patch: Patch, library: Path) -> None:
    """Makes this process call the stand-in, as on macOS."""
    from lkrshell.core import platform

    patch(platform, "LINUX", False)
    patch(platform, "DARWIN", True)
    patch(platform, "library", lambda name: str(library))
