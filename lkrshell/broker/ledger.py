"""The ledger of requests: one row each, in SQLite. It holds names, counts, money and times; never a body, header or
value.

Only the broker writes. Any process of the user may read at the same time (write-ahead log). A row is written before its
request is sent, with the most that it may cost, and completed afterwards. Rows that a crash left open are charged in
full at the next start, because the vendor may have charged for them.
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lkrshell.core.errors import LkrError
from lkrshell.core.text import show
from lkrshell.state import files, paths

# Each step brings the schema to the next version. Add steps; never change one.
STEPS: tuple[str, ...] = (
    """
    CREATE TABLE request (
        id INTEGER PRIMARY KEY,
        time INTEGER NOT NULL,              -- milliseconds since the epoch, when it was reserved
        duration INTEGER,                   -- milliseconds; NULL while it is under way
        project TEXT NOT NULL DEFAULT '',   -- the real folder
        key TEXT NOT NULL,                  -- provider:label
        vendor TEXT NOT NULL,
        agent TEXT NOT NULL DEFAULT '',
        model TEXT NOT NULL DEFAULT '',
        status INTEGER,                     -- the vendor's HTTP status; 0: never sent
        complete INTEGER NOT NULL DEFAULT 0,
        input INTEGER, output INTEGER, cache_read INTEGER, cache_write INTEGER,  -- tokens; NULL: not known
        cost INTEGER,                       -- millionths of a US dollar; NULL: not known
        reserved INTEGER,                   -- the most that it may cost
        reserved_input INTEGER, reserved_output INTEGER
    );
    CREATE INDEX request_time ON request (time);
    CREATE INDEX request_key ON request (key, time);
    """,
)
_BUSY = 5.0  # seconds to wait for another process
_TEXTS = ("project", "key", "vendor", "agent", "model")
_BEFORE = (*_TEXTS, "reserved", "reserved_input", "reserved_output")
_AFTER = ("duration", "status", "complete", "input", "output", "cache_read", "cache_write", "cost", "model")
_BEGIN = f"INSERT INTO request (time, {', '.join(_BEFORE)}) VALUES (?{', ?' * len(_BEFORE)})"  # noqa: S608
_END = "UPDATE request SET {} WHERE id = ?"
_CHARGE = """
    UPDATE request SET duration = 0, cost = reserved, input = reserved_input, output = reserved_output
    WHERE duration IS NULL
    """
_SPENT = """
    SELECT coalesce(sum(CASE WHEN duration IS NULL THEN reserved ELSE cost END), 0),
        coalesce(sum(CASE WHEN duration IS NULL THEN coalesce(reserved_input, 0) + coalesce(reserved_output, 0)
            ELSE coalesce(input, 0) + coalesce(output, 0) END), 0)
    FROM request WHERE time >= ?
    """
_TIMES = "SELECT time FROM request WHERE time >= ?"


def path() -> str:
    return os.path.join(paths.data_dir(), "ledger.db")


class Ledger:
    """Writes the ledger. Raises LkrError when it cannot be opened, is damaged, or was made by a later version of
    lkr."""

    def __init__(self, where: str = "") -> None:
        self._path = where or path()
        self._lock = threading.Lock()
        self._presence: int | None = None  # holds a lock that tells other brokers of us
        self._late: list[tuple[int, dict[str, Any]]] = []  # completed rows that could not be written yet
        try:
            files.make_private_dir(os.path.dirname(self._path))
            files.make_private_file(self._path)
            files.check_private(self._path, os.lstat(self._path))
            self._db = _connect(f"file:{_quoted(self._path)}?mode=rw")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            _migrate(self._db, self._path)
            self._version = self._data_version()
        except (OSError, sqlite3.Error) as error:
            raise _trouble(self._path, error) from None

    def _data_version(self) -> int:
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Keeps other processes from writing while this lasts, so what was read still holds when a row is added. Yields
        True if one has written since the last time, as a broker of another session does. Raises LkrError."""
        with self._in_use() as db:
            self._write_late()
            db.execute("BEGIN IMMEDIATE")
            before, self._version = self._version, self._data_version()
        try:
            yield self._version != before
        finally:
            with self._in_use() as db:
                if db.in_transaction:  # SQLite itself ends it when the disk is full
                    db.execute("COMMIT")

    @contextlib.contextmanager
    def _in_use(self) -> Iterator[sqlite3.Connection]:
        """Gives the database to one thread. Turns its errors into LkrError."""
        with self._lock:
            try:
                yield self._db
            except sqlite3.Error as error:
                raise _trouble(self._path, error) from None

    def begin(self, seconds: float, fields: dict[str, Any]) -> int:
        """Adds a row for a request that is about to be sent, at `seconds` since the epoch, and returns its number.
        Raises LkrError when it cannot be written."""
        values = [fields.get(name, "" if name in _TEXTS else None) for name in _BEFORE]
        with self._in_use() as db:
            self._write_late()
            return int(db.execute(_BEGIN, [round(seconds * 1000), *map(_clean, values)]).lastrowid or 0)

    def end(self, row: int, fields: dict[str, Any]) -> LkrError | None:
        """Completes a row. Returns the error if that failed; the next call tries again."""
        with self._lock:
            self._late.append((row, {name: _clean(fields[name]) for name in _AFTER if name in fields}))
            try:
                self._write_late()
            except sqlite3.Error as error:
                return _trouble(self._path, error)
        return None

    def _write_late(self) -> None:
        while self._late:
            row, fields = self._late[0]
            columns = ", ".join(f"{name} = ?" for name in fields)
            self._db.execute(_END.format(columns), [*fields.values(), row])
            self._late.pop(0)

    def charge_left(self) -> int:
        """Charges the requests that an earlier broker left open, at their reserved cost. Returns how many: none while
        the broker of another session runs, because they may be its own."""
        with self._in_use() as db:
            return db.execute(_CHARGE).rowcount if self._is_the_only_one() else 0

    def _is_the_only_one(self) -> bool:
        """True if no other process has called this and still runs. Call it once."""
        import fcntl

        try:
            # SQLite's own locks are on the ledger itself, and would end when another descriptor of it is closed.
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._presence = os.open(f"{self._path}-brokers", flags, 0o600)
            try:
                fcntl.flock(self._presence, fcntl.LOCK_EX | fcntl.LOCK_NB)
                only = True
            except BlockingIOError:
                only = False
            fcntl.flock(self._presence, fcntl.LOCK_SH)
        except OSError:  # a disk without locks
            return True
        return only

    def spent(self, since: float, **where: str) -> tuple[int, int]:
        """Returns the money (millionths of a US dollar) and the tokens since `since` (seconds since the epoch),
        for rows whose columns equal `where`. Open requests count at their reserved cost."""
        with self._in_use() as db:
            row = db.execute(*_matching(_SPENT, since, where)).fetchone()
        return int(row[0]), int(row[1])

    def ages(self, seconds: float, period: float, **where: str) -> list[float]:
        """Returns how many seconds before `seconds` (since the epoch) the requests of the last `period` seconds were
        reserved, oldest first, for rows whose columns equal `where`. A later time counts as now."""
        with self._in_use() as db:
            rows = db.execute(*_matching(_TIMES, seconds - period, where)).fetchall()
        return sorted((max(0.0, seconds - time / 1000) for (time,) in rows), reverse=True)

    def close(self) -> None:
        with self._lock:
            self._db.close()
            if self._presence is not None:
                os.close(self._presence)
                self._presence = None


class Reader:
    """Reads the ledger while the broker writes it. It caches nothing, so each call sees the present rows."""

    def __init__(self, where: str = "") -> None:
        """Raises LkrError when the ledger cannot be read. A missing ledger counts as empty, and so does one that a
        broker is just making."""
        self._path, self._db = where or path(), None
        if not os.path.lexists(self._path):
            return
        try:
            files.check_private(self._path, os.lstat(self._path))
            db = _connect(f"file:{_quoted(self._path)}?mode=ro")
            self._db = db if _check_version(db, self._path) else None
        except (OSError, sqlite3.Error) as error:
            raise _trouble(self._path, error) from None

    @property
    def there(self) -> bool:
        """False when the ledger does not exist yet."""
        return self._db is not None

    def rows(
        self, columns: Sequence[str], since: float = 0, after: int = 0, project: str | None = None, vendor: str = ""
    ) -> Iterator[tuple[Any, ...]]:
        """Yields the given columns of finished requests, oldest first. `after` is a row's number."""
        if self._db is None:
            return
        conditions, values = ["duration IS NOT NULL", "time >= ?", "id > ?"], [round(since * 1000), after]
        given = {"project": project, "vendor": vendor or None}
        for name, value in given.items():
            if value is not None:
                conditions.append(f"{name} = ?")
                values.append(_clean(value))
        text = f"SELECT {','.join(columns)} FROM request WHERE {' AND '.join(conditions)} ORDER BY id"  # noqa: S608
        try:
            yield from self._db.execute(text, values)
        except sqlite3.Error as error:
            raise _trouble(self._path, error) from None


def _connect(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, timeout=_BUSY, isolation_level=None, check_same_thread=False)


def _quoted(path: str) -> str:
    import urllib.parse

    return urllib.parse.quote(os.fsencode(path))


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _check_version(db: sqlite3.Connection, where: str) -> int:
    version = _version(db)
    if version > len(STEPS):
        raise LkrError(f"{show(where)} is from a later version of lkr", "use that version, or move the file away")
    return version


def _migrate(db: sqlite3.Connection, where: str) -> None:
    """Runs the missing steps. Each one happens completely or not at all."""
    while (version := _check_version(db, where)) < len(STEPS):
        db.execute("BEGIN IMMEDIATE")
        try:
            if _version(db) == version:  # true unless another process was faster
                for statement in _statements(STEPS[version]):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {version + 1}")
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise


def _statements(script: str) -> Iterable[str]:
    without = "\n".join(line.partition("--")[0] for line in script.split("\n"))
    return [each for each in without.split(";") if each.strip()]


def _matching(text: str, since: float, where: dict[str, str]) -> tuple[str, list[Any]]:
    """Returns the statement and its values for rows since `since` (seconds since the epoch) whose columns equal
    `where`."""
    return text + "".join(f" AND {name} = ?" for name in where), [round(since * 1000), *map(_clean, where.values())]


def _clean(value: Any) -> Any:
    """Makes text fit for SQLite: a path may contain bytes that are not UTF-8."""
    return show(value) if isinstance(value, str) else value


def _trouble(where: str, error: Exception) -> LkrError:
    text = error.strerror if isinstance(error, OSError) else str(error)
    hint = "free some space" if "full" in str(text) or "space" in str(text) else "check the file and its disk"
    return LkrError(f"the ledger {show(where)} cannot be used: {show(str(text))}", hint)
