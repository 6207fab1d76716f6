"""Asks the broker for virtual keys, and has it started if it does not run.

An export uses this for keys that go through the broker, so it speaks through `_socket`, in lines of core.records. It
waits for the answer of a running broker, but not for a broker that starts. Then it makes the virtual keys itself and
leaves the request in the backlog of the socket; the broker's port already accepts requests of programs.

A request is `lkr 1`, `for PID START`, a `mint` for each key, `end`. The answer is `port`, then `ok` or `no` for each
key. Other requests are one word, see `ask`.
"""

import os

from lkrshell.core import records
from lkrshell.core.errors import LOCKED, REFUSED, UNREACHABLE, LkrError, StoreLocked
from lkrshell.core.secret import Secret
from lkrshell.runtime import processes
from lkrshell.shells import base
from lkrshell.state import peer, run_folder
from lkrshell.vendors import routes

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Mapping

    from lkrshell.core.binding import Binding

PREFIX = "lkr-vk-"
PROTOCOL = "1"
_STARTING = 10.0  # seconds; a broker that is not ready by then hangs
_MOST = 1 << 20  # bytes of an answer
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


class KeyRequest:
    """A request for a virtual key: for `key` in `variable`, in the project at the real path `folder` with `profile`.

    `event`: `shell`, `direnv`, `exec` or `agent`, or for a key that was requested by its name `named` or `token`.
    `agent`: the agent that will use it, if only the person says so; else empty.
    """

    __slots__ = ("agent", "event", "folder", "key", "profile", "variable")

    def __init__(
        self, key: str, variable: str, folder: str, profile: str = "", event: str = "shell", agent: str = ""
    ) -> None:
        self.key, self.variable, self.folder = key, variable, folder
        self.profile, self.event, self.agent = profile, event, agent

    def row(self) -> tuple[str, ...]:
        return (self.key, self.variable, self.folder, self.profile, self.event, self.agent)


class Minted:
    """The virtual keys by variable, the reasons for refusals, the broker's port, and a note for the person."""

    __slots__ = ("keys", "note", "port", "refused")

    def __init__(self, port: str) -> None:
        self.port, self.note = port, ""
        self.keys: dict[str, str] = {}
        self.refused: list[LkrError] = []

    def given(self, bindings: "list[Binding]") -> "list[tuple[Binding, Secret]]":
        """The bindings that got a virtual key, each with that key."""
        return [(binding, Secret(self.keys[binding.variable])) for binding in bindings if binding.variable in self.keys]


def virtual_key() -> str:
    """Makes a virtual key of 256 random bits."""
    number = int.from_bytes(os.urandom(32), "big") << 2
    return PREFIX + "".join(_ALPHABET[number >> 6 * place & 63] for place in range(42, -1, -1))


def mint(
    asks: "list[KeyRequest]", pid: int, is_locked: "Callable[[], bool]", patience: float = 5.0, sure: bool = False
) -> Minted:
    """Virtual keys for the process `pid`, which is this one or above it, and for all processes that it starts.

    If no broker runs, `is_locked` says whether the store is locked. LkrError if no broker can be started, or if it does
    not answer within `patience` seconds. With `sure`, this waits for a broker that starts.
    """
    keys = [virtual_key() for _ in asks]
    rows: list[tuple[str, ...]] = [("lkr", PROTOCOL), ("for", str(pid), processes.start_time(pid))]
    rows += [("mint", key, *ask.row()) for key, ask in zip(keys, asks, strict=True)]
    folder = run_folder.open_folder()
    note = ""
    try:
        answer = _talk(folder, [*rows, ("end",)], patience)
        if answer is None:
            if is_locked():
                raise StoreLocked("the store is locked", "lkr unlock")
            from lkrshell.runtime import broker_start

            note = broker_start.start(folder)
            answer = _talk(folder, [*rows, ("end",)], patience)
        if answer is None:
            raise LkrError("the broker ended while it started", "lkr broker log", UNREACHABLE)
        if not answer and sure:
            wait(folder, patience)
            answer = _talk(folder, [*rows, ("end",)], patience) or [
                ["no", "1", "the broker did not start", "lkr broker log"]
            ]
        if not answer:  # it is starting: it will find the request later, and nobody can refuse yet
            answer = [["port", _port(folder)], *(["ok", key] for key in keys)]
    finally:
        os.close(folder)
    return _minted(asks, answer, note)


def check_route(key: str) -> None:
    """LkrError if the broker does not serve the vendor of this key."""
    vendor = _vendor(key)
    if routes.find(vendor) is None:
        why = routes.LATER.get(vendor, f"it knows no API of {vendor}")
        hint = f"lkr policy {key} --via environment, and no via in the manifest"
        raise LkrError(f"the broker does not serve {key}: {why}", hint, REFUSED)


def is_served(key: str) -> bool:
    """True if the broker serves the vendor of this key."""
    return routes.find(_vendor(key)) is not None


def _vendor(key: str) -> str:
    """Like `names.provider_of`, without loading `names` just for that."""
    return key.rpartition("/")[2].partition(":")[0]


def mint_for(
    bindings: "list[Binding]", folder: str, event: str, pid: int, is_locked: "Callable[[], bool]",
    patience: float = 5.0, agent: str = "", profile: str | None = None, sure: bool = False,
) -> Minted:  # fmt: skip
    """Like `mint`, for lines of a manifest. Keys that the broker does not serve are among the refused.

    An error that affects all keys comes last among the refusals, and `port` is then empty.
    """
    asks, refused = [], []
    profile = os.environ.get("LKR_PROFILE", "") if profile is None else profile
    for binding in bindings:
        try:
            check_route(binding.key)
            asks.append(KeyRequest(binding.key, binding.variable, folder, profile, event, agent))
        except LkrError as error:
            refused.append(error)
    try:
        found = mint(asks, pid, is_locked, patience, sure) if asks else Minted("")
        found.refused += refused
    except LkrError as error:
        found = Minted("")
        found.refused.append(error)
    return found


def for_command(minted: Minted, bindings: "list[Binding]") -> "tuple[list[tuple[Binding, Secret]], dict[str, str]]":
    """What the command gets: the bindings that have a virtual key, and `broker_variables`."""
    given = minted.given(bindings)
    leads = broker_variables([binding.key for binding, _ in given], minted.port, os.environ)
    return given, {variable: value for variable, (_, value) in leads.items()}


def broker_variables(keys: "list[str]", port: str, environment: "Mapping[str, str]") -> dict[str, tuple[str, str]]:
    """The variables that lead programs to the broker: the name of each, the key that it belongs to, and its value.

    If a proxy is set, they also keep requests to this machine away from it.
    """
    found: dict[str, tuple[str, str]] = {}
    for key in keys:
        for variable, url in routes.bases(_vendor(key), int(port)).items():
            found.setdefault(variable, (key, url))
    if keys and any(environment.get(name) for name in _PROXIES):
        there = [name for name in ("NO_PROXY", "no_proxy") if name in environment] or ["NO_PROXY"]
        for name in there:
            hosts = environment.get(name, "")
            if not {"127.0.0.1", "*"} & {host.strip() for host in hosts.split(",")}:
                found[name] = (keys[0], f"{hosts},127.0.0.1" if hosts else "127.0.0.1")
    return found


def comes_from_broker(variable: str, value: str) -> bool:
    """True for a variable that is set because of the broker: a virtual key, or a variable that leads programs to the
    broker."""
    if variable.lower() == "no_proxy":
        return "127.0.0.1" in value
    return value.startswith((PREFIX, "http://127.0.0.1:"))


def asking_shell(event: str) -> int:
    """The process of the shell that asks for keys: our parent, or the process that started direnv."""
    above = processes.ancestry(os.getpid())[1:]
    if event == "direnv":
        for at, pid in enumerate(above[:-1]):
            if processes.name_of(pid) == "direnv":
                return above[at + 1]
    return os.getppid()


def _minted(asks: "list[KeyRequest]", answer: list[list[str]], note: str) -> Minted:
    try:
        if answer[0][0] == "no":
            raise LkrError(answer[0][2], answer[0][3], UNREACHABLE)
        (_, port), *rest = answer
        found = Minted(port)
        found.note = note
        if len(rest) != len(asks) or not port.isdecimal():
            raise ValueError
        for ask, row in zip(asks, rest, strict=True):
            if row[0] == "ok":
                if not row[1].startswith(PREFIX) or not set(_ALPHABET).issuperset(row[1]):
                    raise ValueError
                found.keys[ask.variable] = row[1]
            else:
                _, code, message, hint = row
                kind = StoreLocked if int(code) == LOCKED else LkrError
                found.refused.append(kind(message, hint, int(code)))
    except (ValueError, IndexError):
        raise LkrError("lkr does not understand the broker's answer", "lkr broker stop", UNREACHABLE) from None
    return found


def ask(*question: str, patience: float = 5.0) -> list[list[str]] | None:
    """Returns the answer to a request of one word: `state`, `lock` or `stop`. None if no broker runs; empty while it
    starts."""
    try:
        folder = run_folder.open_folder(make=False)
    except FileNotFoundError:
        return None
    try:
        return _talk(folder, [("lkr", PROTOCOL), question, ("end",)], patience)
    finally:
        os.close(folder)


def lock() -> None:
    """Ends all virtual keys and all requests under way, even if no broker is running or it does not answer."""
    try:
        run_folder.mark_lock()
    finally:
        try:
            done = ask("lock", patience=2.0) == [["ok"]]
        except LkrError:
            done = False
        if not done:
            _remove_table()


def _remove_table() -> None:
    """Leaves no virtual key to the next broker, even if somebody takes back the mark. If the disk refuses, only the
    mark does that."""
    try:
        folder = run_folder.open_folder(make=False)
    except FileNotFoundError:
        return
    try:
        os.unlink(run_folder.TABLE, dir_fd=folder)
    except OSError:
        pass
    finally:
        os.close(folder)


def _talk(folder: int, rows: list[tuple[str, ...]], patience: float) -> list[list[str]] | None:
    """The lines of the answer; None if no broker runs or it ended meanwhile; empty while a broker starts."""
    import _socket
    import time

    end = time.monotonic() + patience
    silent = LkrError("the broker does not answer", "lkr broker stop, it starts again by itself", UNREACHABLE)
    sock = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        sock.settimeout(patience)
        try:
            sock.connect(run_folder.path_in(folder, run_folder.CONTROL))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except OSError:
            raise silent from None
        _check_owner(sock)
        try:
            sock.sendall(records.dump(rows))
            if not run_folder.is_ready(folder):
                if _is_starting(folder):
                    return []
                raise silent
            data = b""
            while not data.endswith(b"\nend\n"):
                left = end - time.monotonic()
                if left <= 0 or len(data) > _MOST:
                    raise silent
                sock.settimeout(left)
                more = sock.recv(65536)
                if not more:
                    return None
                data += more
        except (BrokenPipeError, ConnectionResetError, FileNotFoundError):
            return None
        except OSError:
            raise silent from None
    finally:
        sock.close()
    try:
        return records.load(data)[:-1]
    except ValueError:
        raise silent from None


def _check_owner(sock: "_socket.socket") -> None:
    """LkrError if another user listens on this socket."""
    if peer.credentials(sock)[0] != os.getuid():
        raise LkrError("the broker's socket is another user's", f"remove {run_folder.path()}", REFUSED)


def _is_starting(folder: int) -> bool:
    """True for a broker that was started a moment ago, or that systemd starts since we connected."""
    import time

    try:
        return time.time() - os.stat(run_folder.PORT, dir_fd=folder).st_mtime < _STARTING
    except FileNotFoundError:
        return True


def wait(folder: int, patience: float) -> None:
    """Waits until the starting broker is ready, at most `patience` seconds."""
    import time

    end = time.monotonic() + patience
    while not run_folder.is_ready(folder) and time.monotonic() < end:
        time.sleep(0.01)


def _pid() -> int:
    """The process of the broker; 0 if it has ended."""
    folder = run_folder.open_folder()
    try:
        words = (run_folder.read(folder, run_folder.READY) or b"").decode("ascii", "replace").split()
    finally:
        os.close(folder)
    known = len(words) == 2 and words[0].isdecimal() and processes.start_time(int(words[0])) == words[1]
    return int(words[0]) if known and words[1] else 0


def is_running() -> bool:
    """True while there is a broker, even one that is about to end."""
    return _pid() > 0


def kill() -> bool:
    """Kills a broker that does not answer. False if there is none."""
    pid = _pid()
    if pid:
        import _signal

        os.kill(pid, _signal.SIGKILL)
    return pid > 0


def _port(folder: int) -> str:
    port = (run_folder.read(folder, run_folder.PORT) or b"").decode("ascii", "replace").strip()
    return port or run_folder.kept_port()


def asking_process() -> int:
    """Returns the process that `lkr token` asks for: the nearest ancestor that is not just the `sh -c` around a helper
    command."""
    above = processes.ancestry(os.getpid())[1:]
    for pid in above:
        if not _runs_a_command(processes.words_of(pid)):
            return pid
    return os.getppid()


def _runs_a_command(words: list[str]) -> bool:
    """True for `sh -c TEXT` and the like, but not for an interactive shell."""
    if not words or os.path.basename(words[0]).lstrip("-") not in base.PROGRAMS:
        return False
    for word in words[1:]:
        if not word.startswith("-"):
            return False
        if "c" in word and not word.startswith("--"):
            return True
    return False
