"""Asks the broker for virtual keys, and starts the broker if it does not run.

An export uses this for keys that go through the broker, so it speaks through `_socket`, in lines of core.records. It
waits for the answer of a running broker, but not for a broker that starts. Then it makes the virtual keys itself and
leaves the request in the backlog of the socket; the broker's port already accepts requests of programs.

A request is `lkr 1`, `for PID START`, a `mint` for each key, `end`. The answer is `port`, then `ok` or `no` for each
key. Other requests are one word, see `ask`.
"""

import os
import sys

from lkrshell.core import records
from lkrshell.core.errors import LOCKED, REFUSED, UNREACHABLE, LkrError, StoreLocked
from lkrshell.core.secret import Secret
from lkrshell.runtime import processes
from lkrshell.shells import base
from lkrshell.state import files, paths, peer, run_folder
from lkrshell.vendors import routes

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from collections.abc import Callable, Mapping

    from lkrshell.core.binding import Binding

PREFIX = "lkr-vk-"
PROTOCOL = "1"
CONTROL, READY, PORT, LOG, TABLE = "control", "ready", "port", "log", "keys"
_KEPT_PORT = "broker-port"  # in the state folder
INSTALL = "in a checkout of lkrshell: pipx install --force '.[broker]'"
_STARTING = 10.0  # seconds; a broker that is not ready by then hangs
_MOST = 1 << 20  # bytes of an answer
_LOG_MOST = 1 << 20  # bytes
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
# The broker's environment: where things are, but nothing that changes how programs run.
_KEPT = (
    "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR", "XDG_CURRENT_DESKTOP", "DBUS_SESSION_BUS_ADDRESS", "LKR_BACKEND",
)  # fmt: skip
_PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


class KeyRequest:
    """A request for a virtual key: for `key` in `variable`, in the project at the real path `folder` with `profile`.

    `event`: `shell`, `direnv`, `exec` or `agent`, or for a key that was requested by its name `named` or `token`.
    `agent`: the agent that will use it, if only the person's word says so; else empty.
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
        """Those of `bindings` that got a virtual key, with that key."""
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
            note = start(folder)
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
    vendor = key.rpartition("/")[2].partition(":")[0]
    if routes.find(vendor) is None:
        why = routes.LATER.get(vendor, f"it knows no API of {vendor}")
        hint = f"lkr policy {key} --via environment, and no via in the manifest"
        raise LkrError(f"the broker does not serve {key}: {why}", hint, REFUSED)


def is_served(key: str) -> bool:
    """True if the broker serves the vendor of this key."""
    return routes.find(key.rpartition("/")[2].partition(":")[0]) is not None


def mint_for(
    bindings: "list[Binding]", folder: str, event: str, pid: int, is_locked: "Callable[[], bool]",
    patience: float = 5.0, agent: str = "", profile: str | None = None, sure: bool = False,
) -> Minted:  # fmt: skip
    """Like `mint`, for lines of a manifest. Keys that the broker does not serve are among the refused.

    If an error affects all keys, it is the last of the refused, and `port` is empty.
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
    """The variables that lead programs to the broker: by name, the key that each belongs to, and its value.

    If a proxy is set, they also keep requests to this machine away from it.
    """
    found: dict[str, tuple[str, str]] = {}
    for key in keys:
        for variable, url in routes.bases(key.rpartition("/")[2].partition(":")[0], int(port)).items():
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
        raise LkrError("the broker's answer makes no sense", "lkr broker stop", UNREACHABLE) from None
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
    """Ends all virtual keys and all requests under way, also if the broker is not running or does not answer."""
    try:
        if ask("lock", patience=2.0):
            return
    except LkrError:
        pass
    try:
        folder = run_folder.open_folder(make=False)
    except FileNotFoundError:
        return
    try:
        os.unlink(TABLE, dir_fd=folder)
    except FileNotFoundError:
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
            sock.connect(run_folder.path_in(folder, CONTROL))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except OSError:
            raise silent from None
        _check_owner(sock)
        try:
            sock.sendall(records.dump(rows))
            if not is_ready(folder):
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


def is_ready(folder: int) -> bool:
    try:
        os.stat(READY, dir_fd=folder)
    except OSError:
        return False
    return True


def _is_starting(folder: int) -> bool:
    """True for a broker that was started a moment ago, or that systemd starts since we connected."""
    import time

    try:
        return time.time() - os.stat(PORT, dir_fd=folder).st_mtime < _STARTING
    except FileNotFoundError:
        return True


def wait(folder: int, patience: float) -> None:
    """Waits until the starting broker is ready, at most `patience` seconds."""
    import time

    end = time.monotonic() + patience
    while not is_ready(folder) and time.monotonic() < end:
        time.sleep(0.01)


def _pid() -> int:
    """The process of the broker; 0 if it has ended."""
    folder = run_folder.open_folder()
    try:
        words = (read(folder, READY) or b"").decode("ascii", "replace").split()
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
    return (read(folder, PORT) or b"").decode("ascii", "replace").strip() or kept_port()


def kept_port() -> str:
    """The port that the broker takes each time; empty if there is none yet."""
    kept = (files.read_private(os.path.join(paths.state_dir(), _KEPT_PORT)) or b"").decode("ascii", "replace").strip()
    return kept if kept.isdecimal() and 1023 < int(kept) < 65536 else ""


def read(folder: int, name: str, most: int = 4096) -> bytes | None:
    """The end of a small file in the run folder; None if there is no such file."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    try:
        os.lseek(fd, max(0, os.fstat(fd).st_size - most), os.SEEK_SET)
        return os.read(fd, most)
    finally:
        os.close(fd)


def write(folder: int, name: str, data: bytes) -> None:
    """Writes a small file in the run folder, 0600, atomically, and without following a link."""
    temporary = f".{name}-{os.getpid()}"
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)
    os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)


def import_path() -> list[str]:
    """Where the broker looks for modules: where this Python does, without PYTHONPATH and the script's folder."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    own = sys.path if sys.flags.safe_path or sys.flags.isolated else sys.path[1:]
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    return list(dict.fromkeys([package, *(each for each in own if each.startswith("/") and each not in given)]))


def is_installed() -> bool:
    """True if the broker's dependencies are installed. Does not load them."""
    return any(os.path.isdir(f"{folder}/aiohttp") for folder in import_path())


def check_installed() -> None:
    """LkrError if the broker cannot run."""
    if not is_installed():
        raise LkrError("the broker is not installed", INSTALL, UNREACHABLE)


def start(folder: int, run: "Callable[[int, list[int], int], None] | None" = None) -> str:
    """Binds the broker's sockets and starts it with them, unless another lkr is doing so.

    Returns at once, with a line for the person, or an empty text. LkrError when it cannot start. `run` takes the
    control socket, the listening sockets and the folder, and starts the broker; by default as a background process.
    """
    check_installed()
    import _socket
    import time

    lock = os.open("lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        end = time.monotonic() + 0.5
        while True:
            try:
                os.lockf(lock, os.F_TLOCK, 0)
                break
            except OSError:
                if time.monotonic() > end:
                    raise LkrError("another lkr takes long to start the broker", "try again", UNREACHABLE) from None
                time.sleep(0.005)
        control = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        where = run_folder.path_in(folder, CONTROL)
        try:
            control.connect(where)
            control.close()
            return ""  # another process was quicker
        except OSError:
            control.close()
        note = ""
        if read(folder, PORT) is not None and not is_ready(folder):
            note = "the broker ended while it started; lkr broker log"
        for name in (CONTROL, READY):
            try:
                os.unlink(name, dir_fd=folder)
            except FileNotFoundError:
                pass
        sockets, moved = listeners()
        write(folder, PORT, f"{sockets[0].getsockname()[1]}\n".encode())
        control = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        control.bind(where)
        os.chmod(where, 0o600)
        control.listen(128)
        (run or _spawn)(control.fileno(), [each.fileno() for each in sockets], folder)
        for each in (control, *sockets):
            each.close()
        return moved or note
    finally:
        os.close(lock)


def listeners() -> "tuple[list[_socket.socket], str]":
    """Returns TCP sockets on the remembered port, or on a new one when it is taken; and a line that says so.

    Listens on ::1 too, if it exists, so that nobody else gets that port under the name localhost.
    """
    import _socket
    import errno

    note = ""
    for port in [int(kept_port() or 0), 0, 0, 0]:
        found = []
        try:
            found.append(_listening(_socket.AF_INET, "127.0.0.1", port))
            if _socket.has_ipv6:
                found.append(_listening(_socket.AF_INET6, "::1", found[0].getsockname()[1]))
        except OSError as error:
            if not found and port == 0:
                raise LkrError(f"cannot listen on 127.0.0.1: {error.strerror}", "lkr doctor", UNREACHABLE) from None
            if not found or error.errno == errno.EADDRINUSE:
                for each in found:
                    each.close()
                if port:
                    note = (
                        f"port {port} is taken, so the broker has another one; restart programs that use the old port"
                    )
                continue
        if port == 0:
            kept_at = os.path.join(paths.state_dir(), _KEPT_PORT)
            files.write_private(kept_at, f"{found[0].getsockname()[1]}\n".encode())
        return found, note
    raise LkrError("no port is free on both 127.0.0.1 and ::1", "lkr doctor", UNREACHABLE)


def _listening(family: int, host: str, port: int) -> "_socket.socket":
    import _socket

    sock = _socket.socket(family, _socket.SOCK_STREAM)
    try:
        sock.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(1024)
    except OSError:
        sock.close()
        raise
    return sock


def _spawn(control: int, listeners: list[int], folder: int) -> None:
    """Starts the broker as a background process with only these two sockets."""
    log = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    if os.fstat(log).st_size > _LOG_MOST:
        os.ftruncate(log, 0)
    in_background(lambda: _become([os.open(os.devnull, os.O_RDWR)] * 2 + [log], [control, *listeners]))
    os.close(log)


def in_background(become: "Callable[[], None]") -> None:
    """Runs `become` in a new process, in a session of its own, which we neither wait for nor hear of."""
    pid = os.fork()
    if pid == 0:
        try:
            os.setsid()
            if os.fork():
                os._exit(0)
            os.chdir("/")
            become()
        finally:
            os._exit(127)
    os.waitpid(pid, 0)


def run(control: int, listeners: list[int], folder: int) -> None:
    """Becomes the broker on this terminal."""
    _become([0, 1, 2], [control, *listeners])


def run_and_stay(control: int, listeners: list[int], folder: int) -> None:
    """Does the same, and the broker does not end by itself."""
    _become([0, 1, 2], [control, *listeners], "--stay")


def _become(standard: list[int], sockets: list[int], *more: str) -> None:
    """Replaces this process by the broker, with these as its files 0, 1, 2, ... and no other open file."""
    import fcntl

    from lkrshell.core import own_python

    listen = ",".join(str(4 + place) for place in range(len(sockets) - 1))
    given = ("--control", "3", "--listen", listen, *more)
    words = own_python.command("lkrshell.broker.__main__", *given, path=import_path())
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    os.umask(0o077)
    fds = standard + sockets
    copies = [fcntl.fcntl(fd, fcntl.F_DUPFD, len(fds)) for fd in fds]  # numbers that the next lines do not overwrite
    for place, fd in enumerate(copies):
        os.dup2(fd, place)
    os.closerange(len(fds), os.sysconf("SC_OPEN_MAX"))
    os.execve(words[0], words, environment)  # noqa: S606


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
