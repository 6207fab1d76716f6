"""Sources behind another program: 1Password, Bitwarden, pass, the clouds' command lines, or a command of the user's.

The program is run by its full path, so that no folder of PATH can substitute another. It gets a list of words, never a
shell. It runs in `/`, and its environment has the variables that its row names, but none of our keys. Values pass
through pipes.
"""

import functools
import importlib.resources
import json
import os
import shutil
import subprocess
import tomllib
from concurrent.futures import ThreadPoolExecutor

from lkrshell.core import names
from lkrshell.core.errors import UNREACHABLE, LkrError
from lkrshell.core.secret import Secret
from lkrshell.core.text import show
from lkrshell.sources import base
from lkrshell.sources.base import Answer
from lkrshell.sources.settings import COMMANDS, Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_AT_ONCE = 4  # programs
_TIME = 60  # seconds; the program may ask the person to unlock it
_ENVIRONMENT = (
    "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "PATH", "TZ", "TMPDIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_STATE_HOME", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY",
    "SSH_AUTH_SOCK", "GPG_TTY", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy",
)  # fmt: skip
_FIRST_LINE = "first line"


class Preset:
    """A row of presets.toml. An empty `answer` means that the program prints the value itself."""

    __slots__ = ("answer", "check", "commands", "environment", "needs", "program")

    def __init__(self, row: "Mapping[str, Any]") -> None:
        self.program: str = row.get("program", "")
        self.environment: tuple[str, ...] = tuple(row.get("environment", ()))
        self.needs: tuple[str, ...] = tuple(row.get("needs", ()))
        self.answer: str = row.get("answer", "")
        self.check: str = row.get("check", "")
        self.commands: dict[str, list[str]] = {action: row[action] for action in COMMANDS if action in row}


@functools.cache
def presets() -> dict[str, Preset]:
    text = importlib.resources.files("lkrshell.sources").joinpath("presets.toml").read_text("utf-8")
    return {name: Preset(row) for name, row in tomllib.loads(text).items()}


def find(word: str) -> str:
    """Returns the full path of a program. Raises LkrError when it is not found.

    Looks only in absolute folders of PATH: what a relative folder finds depends on the present folder.
    """
    if "/" in word:
        path = word if word.startswith("/") else None
    else:
        folders = [each for each in os.environ.get("PATH", os.defpath).split(os.pathsep) if each.startswith("/")]
        path = shutil.which(word, path=os.pathsep.join(folders))
    if path is None or not os.access(path, os.X_OK):
        raise LkrError(f"there is no program {show(word)} in a folder of PATH", "install it, or write its full path")
    return path


class Program(base.WithoutLogin):
    """A source behind a program. lkr does nothing that the program cannot do with standard input or a list of words."""

    def __init__(self, settings: Settings) -> None:
        self.name, self._settings = settings.name, settings
        self._preset = presets().get(settings.type) or Preset({"answer": settings.get("field")})
        own = settings.get("program")
        self._commands = settings.commands or {
            action: [own or self._preset.program, *words] for action, words in self._preset.commands.items()
        }
        can = {base.WRITES: "write", base.LISTS: "list"}
        self.capabilities = frozenset(each for each, action in can.items() if action in self._commands)
        for field in self._preset.needs:
            if not settings.get(field):
                hint = f'write {field} = "..." under [sources.{self.name}] in config.toml'
                raise LkrError(f"the source {self.name} needs {field}", hint)

    def read(self, names: list[str], leases: "Mapping[str, str]") -> dict[str, Answer]:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(names, pool.map(self._read, names), strict=True))

    def _read(self, name: str) -> Answer:
        try:
            text = self._run("read", name)
            if self._preset.answer == _FIRST_LINE:
                text = text.split("\n")[0]
            elif self._preset.answer:
                text = self._from_json(name, text)
            else:
                text = text.removesuffix("\n").removesuffix("\r")
            return Answer(base.checked(self._settings, name, text))
        except LkrError as error:
            return Answer(None, error=error)

    def _from_json(self, name: str, text: str) -> str:
        """Returns the field of a JSON answer. The answer must repeat the requested name, because some programs also
        find similar names."""
        wrong = base.unreachable(self._settings, f"returned something unexpected for {name}")
        try:
            found = json.loads(text)
            if isinstance(found, list):  # a search, which also finds longer names
                found = self._only(name, found)
            if self._preset.check and found[self._preset.check] not in self._names(name):
                raise base.unreachable(self._settings, f"returned another key for {name}")
            for part in self._preset.answer.split("."):
                found = found[part]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise wrong from None
        if not isinstance(found, str):
            raise wrong
        return found

    def _only(self, name: str, every: "list[Any]") -> "Any":
        """Returns the one item that has the name. Raises LkrError if no item or several items have it."""
        fits = [each for each in every if each[self._preset.check] in self._names(name)]
        if len(fits) != 1:
            what = f"has {len(fits)} items" if fits else "has no item"
            raise base.unreachable(self._settings, f"{what} named {self._names(name)[0]}")
        return fits[0]

    def _places(self, name: str) -> dict[str, str]:
        provider, label = name.split(":")
        prefix = self._settings.get("prefix").strip("/")
        parts = [*(each for each in prefix.split("/") if each), provider, label]
        return {
            "{provider}": provider,
            "{label}": label,
            "{path}": "/".join(parts),
            "{name}": "-".join(parts),
            "{NAME}": f"{provider}_{label}".upper().replace("-", "_"),
            "{mount}": self._settings.get("mount"),
            "{prefix}": prefix,
            "{field}": self._settings.get("field"),
        }

    def _names(self, name: str) -> tuple[str, ...]:
        places = self._places(name)
        return places["{path}"], places["{name}"]

    def _words(self, action: str, name: str) -> list[str]:
        words = list(self._commands[action])
        for place, text in self._places(name).items() if name else ():
            words = [words[0], *(word.replace(place, text) for word in words[1:])]
        return words

    def _run(self, action: str, name: str, given: bytes = b"") -> str:
        """Returns what the program prints. Raises LkrError when it fails, without its output, which may hold a
        value."""
        words = self._words(action, name)
        _check_program(self._settings, words[0])
        hint = f"try it yourself: {show(' '.join(words))}"
        try:
            done = subprocess.run(
                words, input=given, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=_TIME, cwd="/",
                env=self._environment(), start_new_session=action != "read",
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise base.unreachable(self._settings, "takes too long to answer", hint) from None
        except OSError as error:
            raise base.unreachable(self._settings, f"cannot be run: {error.strerror}", hint) from None
        if done.returncode:
            what = f" for {name}" if name else ""
            raise base.unreachable(self._settings, f"returned nothing{what} (exit code {done.returncode})", hint)
        if len(done.stdout) > base.MOST:
            raise base.unreachable(self._settings, "returned an answer that is too long", hint)
        return done.stdout.decode("utf-8", "surrogateescape")

    def _environment(self) -> dict[str, str]:
        kept = (*_ENVIRONMENT, *self._preset.environment)
        if not self._preset.program:  # we cannot know what a command of the user's needs
            return {name: value for name, value in os.environ.items() if not name.startswith("LKR_")}
        return {
            name: value
            for name, value in os.environ.items()
            if name in kept or any(each.endswith("_") and name.startswith(each) for each in kept)
        }

    def write(self, name: str, value: Secret) -> None:
        if "write" not in self._commands:
            raise base.cannot(self._settings, "write keys")
        self._run("write", name, value.reveal().encode("utf-8", "surrogateescape"))

    def remove(self, name: str) -> None:
        if "delete" not in self._commands:
            raise base.cannot(self._settings, "remove keys")
        self._run("delete", name)

    def names(self) -> list[str]:
        if "list" not in self._commands:
            raise base.cannot(self._settings, "list keys")
        prefix = self._settings.get("prefix").strip("/")
        start = f"{prefix}/" if prefix else ""
        found = [line.strip() for line in self._run("list", "").split("\n")]
        keys = [line.removeprefix(start).replace("/", ":", 1) for line in found if line.startswith(start)]
        return sorted({key for key in keys if names.is_own(key)})

    def previous(self, name: str) -> Secret | None:
        return None


def _check_program(settings: Settings, path: str) -> None:
    """Raises LkrError when somebody other than the user and root can replace the program."""
    for each in (path, os.path.dirname(os.path.realpath(path))):
        try:
            info = os.stat(each)
        except OSError as error:
            raise LkrError(f"cannot run {show(path)}: {error.strerror}", "lkr source", UNREACHABLE) from None
        if info.st_uid not in (0, os.getuid()) or (info.st_mode & 0o002 and not info.st_mode & 0o1000):
            raise base.unreachable(settings, f"is a program that other users can change: {show(each)}")
