"""The table of virtual keys: whom each was made for. The file holds their hashes, never a key.

The file is in the run folder and gets a line for each new key, so that the keys of living shells survive a killed
broker. In memory the broker also knows the virtual keys themselves, to give a shell the same one again.
lkrshell.broker.authority decides whether a key may be used.
"""

import hashlib
import hmac
import os
import time

from lkrshell.broker import client_process
from lkrshell.core import names, records
from lkrshell.core.errors import LkrError
from lkrshell.core.secret import Secret
from lkrshell.runtime import broker_client
from lkrshell.state import files, run_folder

PREFIX = broker_client.PREFIX
_HEAD = "lkr-virtual-keys-2"
_MOST = 64  # keys for the same use of the same process; each `lkr token` makes a new one
_LIMIT = 1 << 24  # bytes
_EXACT = 60  # seconds; a key that is asked for again within this time keeps its time


class VirtualKey:
    """Whom a virtual key was made for.

    `digest` is the hash of the virtual key, `key` the name of the real one, `vendor` its provider. The key is for the
    `variable`, the project at the real path `folder` under `profile`, the `agent` (empty for none), and the process
    `pid` that started at `start` (see lkrshell.runtime.processes). `event` is the reason it was made for, and `made`
    the time, in seconds since the epoch.
    """

    __slots__ = (
        "agent", "digest", "event", "folder", "key", "made", "pid", "profile", "start", "variable", "vendor",
    )  # fmt: skip

    def __init__(
        self, digest: str, key: str, variable: str, folder: str, profile: str = "", agent: str = "",
        event: str = "shell", pid: int = 0, start: str = "", made: int = 0,
    ) -> None:  # fmt: skip
        self.digest, self.key, self.vendor, self.variable = digest, key, names.provider_of(key), variable
        self.folder, self.profile, self.agent, self.event = folder, profile, agent, event
        self.pid, self.start, self.made = pid, start, made

    def use(self) -> tuple[str, ...]:
        """Returns what two keys for the same use have in common."""
        return (
            self.key, self.variable, self.folder, self.profile, self.agent, self.event, str(self.pid), self.start
        )  # fmt: skip

    def row(self) -> tuple[str, ...]:
        return ("key", self.digest, *self.use(), str(self.made))


def digest_of(presented: str) -> str:
    """Returns the SHA-256 of a virtual key, in hexadecimal. A slow hash is not needed: the key has 256 random bits."""
    return hashlib.sha256(presented.encode("utf-8", "surrogateescape")).hexdigest()


class VirtualKeys:
    """The table, in memory and in the file at `path`. An empty path means no file."""

    def __init__(self, path: str = "") -> None:
        self._path, self._lock = path, run_folder.last_lock()
        self.epoch = 0  # how often all keys were ended; a request from before the last time gets no key
        self._rows: dict[str, VirtualKey] = {}
        self._plain: dict[tuple[str, ...], Secret] = {}
        if path:
            self._load()

    def __len__(self) -> int:
        return len(self._rows)

    def all(self) -> list[VirtualKey]:
        return list(self._rows.values())

    def find(self, presented: str) -> VirtualKey | None:
        """Returns the row of a virtual key; None for any other text.

        The time it takes does not tell how much of a guess is right: the lookup uses a hash, which nobody can choose.
        """
        if not presented.startswith(PREFIX) or len(presented) != len(PREFIX) + 43 or self.are_over():
            return None
        digest = digest_of(presented)
        virtual = self._rows.get(digest)
        return virtual if virtual and hmac.compare_digest(virtual.digest, digest) else None

    def put(self, virtual: VirtualKey, plain: Secret | None = None) -> None:
        """Adds a row. `plain` is the virtual key itself, kept when the same process may ask for it again."""
        same = [row for row in self._rows.values() if row.use() == virtual.use() and row.digest != virtual.digest]
        for old in same[: max(0, len(same) - _MOST + 1)]:
            del self._rows[old.digest]
        if self._path:
            self._append(virtual)
        self._rows[virtual.digest] = virtual
        if plain:
            self._plain[virtual.use()] = plain

    def same(self, virtual: VirtualKey) -> Secret | None:
        """Returns the virtual key made for the same use, if it is still valid and known."""
        plain = self._plain.get(virtual.use())
        return plain if plain and digest_of(plain.reveal()) in self._rows else None

    def renew(self, virtual: VirtualKey, plain: Secret) -> None:
        """Sets the time of a known virtual key to that of `virtual`."""
        known = self._rows[digest_of(plain.reveal())]
        if virtual.made - known.made > _EXACT:
            virtual.digest = known.digest
            self.put(virtual, plain)

    def purge(self) -> int:
        """Drops the keys of processes that have ended. Returns how many are left."""
        alive: dict[tuple[int, str], bool] = {}
        for virtual in self.all():
            bound = (virtual.pid, virtual.start)
            if bound not in alive:
                alive[bound] = client_process.is_alive(*bound)
            if not alive[bound]:
                self._rows.pop(virtual.digest, None)  # `forget`, in another thread, may have been quicker
                self._plain.pop(virtual.use(), None)
        return len(self._rows)

    def forget(self) -> None:
        """Ends all virtual keys, at once and for good."""
        self.epoch += 1
        self._lock = run_folder.last_lock()
        self._rows.clear()
        self._plain.clear()
        if self._path:
            files.remove_private(self._path)

    def are_over(self) -> bool:
        """True when `lkr lock` ended them, and `forget` was not called yet."""
        return run_folder.last_lock() != self._lock

    def _head(self) -> tuple[str, ...]:
        return _HEAD, _boot(), str(self._lock)

    def _append(self, virtual: VirtualKey) -> None:
        """Appends a line in one write. It need not survive a crash of the system, since no virtual key does."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            fd = os.open(self._path, flags, 0o600)
            try:
                files.check_private(self._path, os.fstat(fd))
                if os.fstat(fd).st_size == 0:
                    os.write(fd, records.dump([self._head()]))
                os.write(fd, records.dump([virtual.row()]))
            finally:
                os.close(fd)
        except OSError as error:
            raise LkrError(f"the table of virtual keys cannot be written: {error.strerror}") from None

    def _load(self) -> None:
        """Takes over the keys of living processes. Drops the table when it is damaged, or from before the system was
        last started or `lkr lock` was last called."""
        try:
            data = files.read_private(self._path, _LIMIT)
            head, *rows = records.load(data) if data else [[]]
        except (LkrError, ValueError):
            head, rows = [], []
        if tuple(head) == self._head():
            for row in rows:
                try:
                    _, digest, key, variable, folder, profile, agent, event, pid, start, made = row
                    virtual = VirtualKey(
                        digest, key, variable, folder, profile, agent, event, int(pid), start, int(made)
                    )
                except ValueError:
                    continue
                self._rows[digest] = virtual
        self.purge()
        lines = [self._head(), *(virtual.row() for virtual in self.all())]
        files.write_private(self._path, records.dump(lines))


def _boot() -> str:
    """Identifies this start of the system. Process ids and start times are meaningful only within one."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return "?"


def anew(digest: str, key: str, variable: str, folder: str, profile: str, agent: str, event: str,
         pid: int, start: str) -> VirtualKey:  # fmt: skip
    """Returns a row made now."""
    return VirtualKey(digest, key, variable, folder, profile, agent, event, pid, start, int(time.time()))
