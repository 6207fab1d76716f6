"""The control socket: gives out virtual keys, and takes the few commands that control the broker.

It trusts nothing that a client says about itself. The kernel names the user (SO_PEERCRED, LOCAL_PEERCRED). A key can
only be for the asking process or one of its ancestors, in the same session, with the same start time. The agent is
looked up from the processes. The authority reads grants and policy. lkrshell.runtime.broker_client describes the lines.
"""

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import lkrshell
from lkrshell.broker import client_process, macos_sockets
from lkrshell.broker.authority import Authority
from lkrshell.broker.virtual_keys import VirtualKey, VirtualKeys, anew, digest_of
from lkrshell.core import folders, names, platform, records
from lkrshell.core.errors import REFUSED, LkrError, StoreLocked
from lkrshell.core.secret import Secret
from lkrshell.runtime import agents, broker_client, processes
from lkrshell.state import config, generation, run_folder
from lkrshell.state.peer import credentials
from lkrshell.stores import registry

_LINES = 1 << 18  # bytes of a question
_TIME = 5.0  # seconds for a question
_IDLE = 3600.0  # seconds without a live virtual key, after which the broker ends
_LOOK = 0.25  # seconds between reads of the generation file
_PURGE = 20.0  # seconds between checks for processes that have ended
_EVENTS = ("shell", "direnv", "exec", "agent", "named", "token")
_GONE = ("shell", "direnv")  # a process that asks for these may end before the broker hears it


class Peer:
    """The process that asks. When the broker had to be started first, that process may have ended already."""

    __slots__ = ("pid",)

    def __init__(self, pid: int) -> None:
        self.pid = pid

    @property
    def runs(self) -> bool:
        return bool(processes.start_time(self.pid)) or not processes.ARE_VISIBLE


class Control:
    """Serves the control socket.

    `rows` returns more lines for `lkr broker`. `busy` counts the requests under way. `at_end` runs before the socket
    closes.
    """

    def __init__(
        self, sock: socket.socket, port: int, keys: VirtualKeys, authority: Authority, idle: float = _IDLE
    ) -> None:
        self._sock, self._port, self._keys, self._authority = sock, port, keys, authority
        self._idle, self._since = idle, time.time()
        self._ended = asyncio.get_running_loop().create_future()
        self._on_lock: list[Callable[[], object]] = []
        self._generation = ""
        self.rows: Callable[[], list[tuple[str, str]]] = list
        self.busy: Callable[[], int] = int
        self.at_end: Callable[[], Awaitable[None]] = _nothing

    def on_lock(self, callback: Callable[[], object]) -> None:
        """Registers a function that ends the streams under way. It is called in the loop's thread when the store is
        locked."""
        self._on_lock.append(callback)

    def stop(self) -> None:
        """Makes `run` return."""
        if not self._ended.done():
            self._ended.set_result(None)

    async def run(self) -> None:
        """Serves until `stop` is called, or until no virtual key has been alive for an hour."""
        self._generation = generation.read()
        # From Python 3.13 on, asyncio removes the socket's file at the end. Whoever started us bound the socket through
        # the descriptor of a folder, and here that name means another file.
        own_file: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
        server = await asyncio.start_unix_server(self._serve, sock=self._sock, limit=_LINES, **own_file)
        folder = run_folder.open_folder()
        watch = asyncio.create_task(self._watch())
        try:
            run_folder.write(folder, run_folder.READY, f"{os.getpid()} {processes.start_time(os.getpid())}\n".encode())
            await self._ended
            await self.at_end()  # while the socket still answers, nobody starts another broker
        finally:
            watch.cancel()
            for name in (run_folder.READY, run_folder.PORT):  # the next client then starts another broker
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)
            server.close()
            os.close(folder)
            self._authority.forget()

    async def _watch(self) -> None:
        """Watches what others change: the generation file, and processes that end."""
        alive = purged = time.monotonic()
        while True:
            await asyncio.sleep(_LOOK)
            try:
                self._follow_lock()
                now = generation.read()
                if now != self._generation:
                    self._generation = now
                    self._authority.forget()
                    if await asyncio.to_thread(_is_locked):
                        self._end_streams()
                clock = time.monotonic()
                if clock - purged > min(_PURGE, self._idle / 3):
                    purged = clock
                    await asyncio.to_thread(self._keys.purge)
                if len(self._keys) or self.busy():
                    alive = clock
                elif clock - alive > self._idle:
                    self.stop()
            except Exception as error:  # one failed look must not end the broker
                log(f"{type(error).__name__} while looking")

    def _follow_lock(self) -> None:
        """Ends what `lkr lock` ended without reaching us."""
        if self._keys.are_over():
            self._end_keys()

    def _end_keys(self) -> None:
        self._end_streams()  # first, since the disk may refuse the rest
        self._keys.forget()

    def _end_streams(self) -> None:
        self._authority.forget()
        for callback in self._on_lock:
            callback()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self._follow_lock()
            epoch = self._keys.epoch
            async with asyncio.timeout(_TIME):
                rows = await self._question(reader, writer)
                if rows is not None:
                    writer.write(records.dump([*await self._answer(rows, writer, epoch), ("end",)]))
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass
        except Exception as error:
            log(f"{type(error).__name__} at the control socket")
            writer.write(
                records.dump([("no", "1", "the broker did not understand the request", "lkr broker log"), ("end",)])
            )
        finally:
            writer.close()

    async def _question(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> list[list[str]] | None:
        """Returns the lines of a question; None for another user, whose lines are not read."""
        uid, _ = credentials(writer.get_extra_info("socket"))
        if uid != os.getuid():
            log(f"user {uid} was refused at the control socket")
            return None
        data = await reader.readuntil(b"\nend\n")
        return records.load(data)[:-1]

    async def _answer(self, rows: list[list[str]], writer: asyncio.StreamWriter, epoch: int) -> list[tuple[str, ...]]:
        hello, (word, *rest), *mints = rows
        if hello != ["lkr", broker_client.PROTOCOL]:
            return [
                (
                    "no",
                    "1",
                    f"the broker is from lkr {lkrshell.__version__}",
                    "lkr broker stop; it starts again by itself",
                )
            ]
        if word == "for":
            return await self._mint(Peer(credentials(writer.get_extra_info("socket"))[1]), rest, mints, epoch)
        answers: dict[str, Callable[[], Awaitable[list[tuple[str, ...]]]]] = {
            "state": self._state, "lock": self._lock, "stop": self._stop,
        }  # fmt: skip
        return await answers[word]() if word in answers else [("no", "1", "unknown request", "")]

    async def _mint(self, peer: Peer, bound: list[str], mints: list[list[str]], epoch: int) -> list[tuple[str, ...]]:
        pid, start = int(bound[0]), bound[1]
        answer: list[tuple[str, ...]] = [("port", str(self._port))]
        agent: str | None = None
        problem: LkrError | None = None
        try:
            agent = await asyncio.to_thread(_asker, peer, pid, start)
        except LkrError as error:
            problem = error
        if any(word != "mint" or len(fields) != 6 for word, _, *fields in mints):
            raise ValueError("no such line")
        wanted: list[tuple[str, VirtualKey | LkrError]] = []
        for _, plain, *fields in mints:
            try:
                if problem:
                    raise problem
                wanted.append((plain, self._wanted(peer, agent, pid, start, plain, fields)))
            except LkrError as error:
                wanted.append((plain, error))
        found = [each for _, each in wanted if isinstance(each, VirtualKey)]
        refused = dict(zip(found, await asyncio.to_thread(self._authority.check, found), strict=True))
        for plain, each in wanted:
            try:
                if isinstance(each, LkrError):
                    raise each
                if why := refused[each]:
                    raise why
                if self._keys.epoch != epoch:  # asked before `lkr lock`, answered after it
                    raise StoreLocked("the store was locked in the meantime", "ask again")
                answer.append(("ok", self._given(each, plain)))
            except LkrError as error:
                answer.append(("no", str(error.code), error.message, error.hint))
        return answer

    def _wanted(self, peer: Peer, agent: str | None, pid: int, start: str, plain: str, fields: list[str]) -> VirtualKey:
        """Returns the row that a question asks for. Raises LkrError when the question is not valid."""
        key, variable, folder, profile, event, claimed = fields
        if not (names.is_key(key) and names.is_variable(variable) and event in _EVENTS and folder.startswith("/")):
            raise LkrError("the request is not valid", "lkr broker stop", REFUSED)
        if len(plain) != len(broker_client.PREFIX) + 43 or not plain.startswith(broker_client.PREFIX):
            raise LkrError("that is not a virtual key", "lkr broker stop", REFUSED)
        if not peer.runs and event not in _GONE and peer.pid != pid:
            raise LkrError("the process that asked has ended", "ask again", REFUSED)
        if agent is None and claimed and claimed.isprintable() and len(claimed) <= 64:
            agent = claimed  # a claim to be an agent can only reduce what is allowed
        if agent and not _is_in(peer.pid if peer.runs else pid, folder):
            raise LkrError(f"a coding agent ({agent}) gets only keys of the project that it is in", "cd there", REFUSED)
        return anew(digest_of(plain), key, variable, folder, profile, agent or "", event, pid, start)

    def _given(self, virtual: VirtualKey, plain: str) -> str:
        """Returns the virtual key that this process already has for the same use, or else stores `plain` as a new
        one."""
        if virtual.event != "token" and (known := self._keys.same(virtual)):
            self._keys.renew(virtual, known)  # its lifetime begins again
            return known.reveal()
        self._keys.put(virtual, Secret(plain))
        return plain

    async def _state(self) -> list[tuple[str, ...]]:
        await asyncio.to_thread(self._keys.purge)
        rows = [
            ("version", lkrshell.__version__), ("pid", str(os.getpid())), ("port", str(self._port)),
            ("since", str(int(self._since))), ("requests", str(self.busy())), *self.rows(),
        ]  # fmt: skip
        return rows + [
            ("key", each.key, each.variable, each.folder, each.agent, each.event, str(each.pid), str(each.made))
            for each in self._keys.all()
        ]

    async def _lock(self) -> list[tuple[str, ...]]:
        self._end_keys()
        return [("ok",)]

    async def _stop(self) -> list[tuple[str, ...]]:
        asyncio.get_running_loop().call_later(0.05, self.stop)
        return [("ok",)]


def _asker(peer: Peer, pid: int, start: str) -> str | None:
    """Returns the agent that asks, None for a person. Raises LkrError when the asking process may not ask for `pid`."""
    if not client_process.is_alive(pid, start):
        raise LkrError("the process for this virtual key has ended", "ask again", REFUSED)
    if not processes.ARE_VISIBLE:
        return None
    if peer.pid == 0:
        raise LkrError("the broker cannot see processes in another container", "start a broker there", REFUSED)
    if processes.user_of(pid) != os.getuid():
        raise LkrError("the process for this virtual key belongs to another user", "ask for one of your own", REFUSED)
    if pid not in processes.ancestry(peer.pid) and peer.runs:
        raise LkrError(
            "the process for this virtual key is not an ancestor of the one that asks",
            "ask for one of your own",
            REFUSED,
        )
    settings = config.load()
    # Without this, a key could outlive every terminal of the person.
    if peer.runs and not _is_near(peer.pid, pid):
        raise LkrError(
            "the process for this virtual key belongs to another session", "ask for one of your own", REFUSED
        )
    return agents.detect({}, agents.ancestors(peer.pid if peer.runs else pid), settings)


def _is_near(asking: int, pid: int) -> bool:
    """True when both processes are in one session.

    Programs start their helpers in sessions without a terminal, so that is allowed when `pid` itself started the
    session.
    """
    session = processes.session_of(asking)
    if processes.session_of(pid) == session:
        return True
    if processes.has_terminal(asking) or processes.parent_of(session) != pid:
        return False
    return processes.parent_of(pid) > 1  # not the process that adopts orphans


def _is_in(pid: int, folder: str) -> bool:
    """True when the process works in `folder` or below it. When its folder cannot be read, its parent's counts."""
    for each in processes.ancestry(pid)[:2]:
        try:
            where = macos_sockets.working_folder(each) if platform.DARWIN else os.readlink(f"/proc/{each}/cwd")
            return folders.within(where, folder)
        except OSError:
            pass
    return not processes.ARE_VISIBLE


def _is_locked() -> bool:
    try:
        return registry.choose(config.load()).is_locked()
    except LkrError:
        return True


async def _nothing() -> None:
    pass


def log(text: str) -> None:
    """Writes a line for `lkr broker log`. Never a value."""
    os.write(2, f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n".encode())
