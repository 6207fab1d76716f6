"""The table of virtual keys: for whom each was made. On the disk it holds their hashes, never a key.

It is a file of the run folder, a line a key, added to as they are made, so that the keys of living shells outlast a
broker that was killed. In memory the broker also knows the keys themselves, to give a shell the same one again. Nothing
here decides whether a key may be used: see lkrshell.broker.authority.
"""

import hashlib
import hmac
import os
import time

from lkrshell.broker import process
from lkrshell.core import names, records
from lkrshell.core.errors import LkrError
from lkrshell.core.secret import Secret
from lkrshell.runtime import broker_client
from lkrshell.state import files

PREFIX = broker_client.PREFIX
_HEAD = "lkr-virtual-keys-1"
_MOST = 64  # keys for the same use of the same process; `lkr token` makes a new one each time
_LIMIT = 1 << 24  # bytes
_EXACT = 60  # seconds; a key that is asked for again so soon counts as made when it was


class VirtualKey:
    """For whom a virtual key was made.

    `digest` is of the virtual key, `key` the real one's name, `vendor` its provider. The consumer: the `variable` that
    it is in, the project at the real path `folder` under `profile`, the `agent` (empty for none), and the process `pid`
    that started at `start` (see lkrshell.runtime.processes). `event` is what it was made for, `made` when, in seconds
    since the epoch.
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
        """What is the same for two keys that are good for the same."""
        return (
            self.key, self.variable, self.folder, self.profile, self.agent, self.event, str(self.pid), self.start
        )  # fmt: skip

    def row(self) -> tuple[str, ...]:
        return ("key", self.digest, *self.use(), str(self.made))


def digest_of(presented: str) -> str:
    """How a virtual key is kept: SHA-256 in hexadecimal. It has 256 random bits, so nothing slower is needed."""
    return hashlib.sha256(presented.encode("utf-8", "surrogateescape")).hexdigest()


class VirtualKeys:
    """The table. With `path` it is in that file too; nothing is written for the empty path."""

    def __init__(self, path: str = "") -> None:
        self._path = path
        self.epoch = 0  # how often all ended: a question from before gets no key after it
        self._rows: dict[str, VirtualKey] = {}
        self._plain: dict[tuple[str, ...], Secret] = {}
        if path:
            self._load()

    def __len__(self) -> int:
        return len(self._rows)

    def all(self) -> list[VirtualKey]:
        return list(self._rows.values())

    def find(self, presented: str) -> VirtualKey | None:
        """The row of a virtual key; None for a text that is none. What it takes does not tell how much of it is right:
        the table is looked through by a hash, which nobody can choose."""
        if not presented.startswith(PREFIX) or len(presented) != len(PREFIX) + 43:
            return None
        digest = digest_of(presented)
        virtual = self._rows.get(digest)
        return virtual if virtual and hmac.compare_digest(virtual.digest, digest) else None

    def put(self, virtual: VirtualKey, plain: Secret | None = None) -> None:
        """Adds a row; `plain` is the virtual key itself, where the same process is to get it again."""
        same = [row for row in self._rows.values() if row.use() == virtual.use() and row.digest != virtual.digest]
        for old in same[: max(0, len(same) - _MOST + 1)]:
            del self._rows[old.digest]
        self._rows[virtual.digest] = virtual
        if plain:
            self._plain[virtual.use()] = plain
        if self._path:
            self._append(virtual)

    def same(self, virtual: VirtualKey) -> Secret | None:
        """The virtual key that was made for the same use, where it is still good and known."""
        plain = self._plain.get(virtual.use())
        return plain if plain and digest_of(plain.reveal()) in self._rows else None

    def renew(self, virtual: VirtualKey, plain: Secret) -> None:
        """The key that is there was made now, as `virtual` is."""
        known = self._rows[digest_of(plain.reveal())]
        if virtual.made - known.made > _EXACT:
            virtual.digest = known.digest
            self.put(virtual, plain)

    def purge(self) -> int:
        """Drops the keys whose process has ended; how many are left."""
        alive: dict[tuple[int, str], bool] = {}
        for virtual in self.all():
            bound = (virtual.pid, virtual.start)
            if bound not in alive:
                alive[bound] = process.is_alive(*bound)
            if not alive[bound]:
                del self._rows[virtual.digest]
                self._plain.pop(virtual.use(), None)
        return len(self._rows)

    def forget(self) -> None:
        """Ends all virtual keys, at once and for good."""
        self.epoch += 1
        self._rows.clear()
        self._plain.clear()
        if self._path:
            files.remove_private(self._path)

    def forget_if_removed(self) -> None:
        """The same, where `lkr lock` took the file away because it could not reach us."""
        if self._path and not os.path.lexists(self._path):
            self.forget()

    def _append(self, virtual: VirtualKey) -> None:
        """Adds the line, in one write. It has to outlast this process, not the system: no key outlasts that."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            fd = os.open(self._path, flags, 0o600)
        except OSError as error:
            raise LkrError(f"the table of virtual keys cannot be written: {error.strerror}") from None
        try:
            files.check_private(self._path, os.fstat(fd))
            if os.fstat(fd).st_size == 0:
                os.write(fd, records.dump([(_HEAD, _boot())]))
            os.write(fd, records.dump([virtual.row()]))
        finally:
            os.close(fd)

    def _load(self) -> None:
        """Takes over the keys of processes that live. A table of before the system's last start is of no use, and one
        that is damaged is not either."""
        try:
            data = files.read_private(self._path, _LIMIT)
            (magic, boot), *rows = records.load(data) if data else [["", ""]]
        except (LkrError, ValueError):
            magic, boot, rows = "", "", []
        if (magic, boot) == (_HEAD, _boot()):
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
        lines = [(_HEAD, _boot()), *(virtual.row() for virtual in self.all())]
        files.write_private(self._path, records.dump(lines))


def _boot() -> str:
    """Which start of the system this is: ids and start times of processes mean something within one."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return "?"


def anew(digest: str, key: str, variable: str, folder: str, profile: str, agent: str, event: str,
         pid: int, start: str) -> VirtualKey:  # fmt: skip
    """A row made now."""
    return VirtualKey(digest, key, variable, folder, profile, agent, event, pid, start, int(time.time()))
