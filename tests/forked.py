"""Runs `lkr` without starting Python each time: a helper has loaded lkr's modules, and forks for each call.

A call gets what a new process gets: its own session, environment, folder, standard streams and exit code. The helper
has only imported lkr's modules, and never called a function of them. It cannot show whether lkr starts at all and
imports what it needs. So the first call of each command in a run of the tests is a real process, and so is every call
whose environment changes how Python starts. Tests of processes start them themselves.

One thing differs from a real process: sealing with a passphrase costs little (see `vaults`).
"""

import gc
import importlib
import json
import os
import pkgutil
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

PROGRAM = str(Path(sys.executable).parent / "lkr")

# These change how Python, or the dynamic loader, starts.
_OF_A_START = ("PYTHON", "LD_", "DYLD_", "LC_", "LANG", "TZ", "GLIBC_", "MALLOC_", "__PYVENV")
# Each of these ways to start has its own helper. The second looks up accounts in files that the call names.
_STARTS = ({"LANG": "C.UTF-8"}, {"LANG": "C.UTF-8", "LD_PRELOAD": "libnss_wrapper.so"})
_ACCOUNTS = ("NSS_WRAPPER_PASSWD", "NSS_WRAPPER_GROUP")
_LIBRARIES = "click dotenv filelock json platformdirs pyrage shellingham subprocess tomlkit tomllib"
_PIPE = 65536  # bytes that fit into a pipe


def _of_a_start(env: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(_OF_A_START)}


def lkr(
    words: Sequence[str], env: dict[str, str], cwd: Path, stdin: bytes = b"", timeout: float = 250
) -> "subprocess.CompletedProcess[bytes]":
    """Runs our `lkr`, with pipes and without a terminal. Raises subprocess.TimeoutExpired."""
    command = " ".join(words[:2] if words and words[0] == "vault" else words[:1])
    start = _of_a_start(env)
    if not _is_first(command) and len(stdin) <= _PIPE and start in _STARTS:
        helper = _helpers.setdefault(start.get("LD_PRELOAD", ""), _Helper(start))
        return helper.run(words, stdin, env, cwd, timeout)
    return subprocess.run(
        [PROGRAM, *words], input=stdin, env=env, cwd=cwd, capture_output=True, timeout=timeout,
        start_new_session=True,  # the tests may have a terminal, and lkr would ask questions there
    )  # fmt: skip


def remember_in(folder: Path) -> None:
    """Makes all processes that run tests at the same time remember together which commands were called."""
    global _together
    _together = folder


def _is_first(command: str) -> bool:
    if command in _seen:
        return False
    _seen.add(command)
    if _together is None:
        return True
    try:
        (_together / f"started-{command.encode().hex()[:200]}").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def stop() -> None:
    """Ends the helpers."""
    for helper in _helpers.values():
        helper.stop()


class _Helper:
    """The process that forks. It starts when first needed, and ends with us."""

    def __init__(self, start: dict[str, str]) -> None:
        self._env = {**start, "HOME": "/"}
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = self._address = ""

    def _start(self) -> None:
        self._folder = tempfile.mkdtemp(prefix="lkr-")
        self._address = os.path.join(self._folder, "s")  # short, as a socket's path must be
        if "LD_PRELOAD" in self._env:  # nss-wrapper reads its variables once, when Python starts
            for name in _ACCOUNTS:
                self._env[name] = os.path.join(self._folder, name)
                Path(self._env[name]).touch()
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(self._address)
            server.listen(16)
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(server.fileno())], env=self._env, pass_fds=[server.fileno()],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip

    def run(
        self, words: Sequence[str], stdin: bytes, env: dict[str, str], cwd: Path, timeout: float
    ) -> "subprocess.CompletedProcess[bytes]":
        if self._process is None:
            self._start()
        for name in _ACCOUNTS:
            if name in self._env:
                shutil.copyfile(env[name], self._env[name])
        umask = os.umask(0o022)
        os.umask(umask)
        ours, theirs = zip(*(os.pipe() for _ in range(3)), strict=True)
        ours, theirs = (theirs[0], *ours[1:]), (ours[0], *theirs[1:])
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self._address)
            message = json.dumps([list(words), env, str(cwd), umask]).encode()
            socket.send_fds(connection, [b"%08x" % len(message)], theirs)
            connection.sendall(message)
            for fd in theirs:
                os.close(fd)
            with connection.makefile("rb") as answers:
                pid = int(answers.readline())
                try:
                    os.write(ours[0], stdin)
                except BrokenPipeError:
                    pass
                os.close(ours[0])
                try:
                    out, err = _read_all(ours[1:], timeout)
                except TimeoutError:
                    os.kill(pid, signal.SIGKILL)
                    raise subprocess.TimeoutExpired([PROGRAM, *words], timeout) from None
                finally:
                    for fd in ours[1:]:
                        os.close(fd)
                code = os.waitstatus_to_exitcode(int(answers.readline()))
        return subprocess.CompletedProcess([PROGRAM, *words], code, out, err)

    def stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()
            shutil.rmtree(self._folder)


_helpers: dict[str, _Helper] = {}
_seen: set[str] = set()
_together: Path | None = None


def _read_all(fds: tuple[int, ...], timeout: float) -> list[bytes]:
    """Reads these until nobody holds their other ends."""
    end = time.monotonic() + timeout
    found = dict.fromkeys(fds, b"")
    open_ones = set(fds)
    while open_ones:
        ready, _, _ = select.select(open_ones, [], [], max(0.0, end - time.monotonic()))
        if not ready:
            raise TimeoutError
        for fd in ready:
            data = os.read(fd, 1 << 20)
            found[fd] += data
            if not data:
                open_ones.remove(fd)
    return list(found.values())


def _serve(server: socket.socket) -> list[str]:
    """Forks for each connection. Returns in the process that becomes lkr, with its words."""
    import vaults

    import lkrshell

    for name in _LIBRARIES.split():
        importlib.import_module(name)
    for module in pkgutil.walk_packages(lkrshell.__path__, "lkrshell."):
        # no command imports the integrations
        if module.name != "lkrshell.pytest_plugin" and "integrations." not in module.name:
            importlib.import_module(module.name)
    vaults.seal_cheaply()
    gc.collect()
    gc.freeze()
    wake, signaled = os.pipe()
    os.set_blocking(signaled, False)
    signal.set_wakeup_fd(signaled)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    running: dict[int, socket.socket] = {}
    while True:
        ready, _, _ = select.select([server, wake, sys.stdin], [], [])
        if sys.stdin in ready:
            os._exit(0)  # the starter has ended
        if wake in ready:
            os.read(wake, 4096)
            _tell_who_waits(running)
        if server in ready:
            connection, _ = server.accept()
            length, fds, _, _ = socket.recv_fds(connection, 8, 3)
            with connection.makefile("rb") as requests:
                words, env, cwd, umask = json.loads(requests.read(int(length, 16)))
            pid = os.fork()
            if pid == 0:
                break
            for fd in fds:
                os.close(fd)
            running[pid] = connection
            connection.sendall(b"%d\n" % pid)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    for number, fd in enumerate(fds):
        os.dup2(fd, number)
    for each in (server, connection, *running.values()):
        each.close()
    for fd in (wake, signaled, *fds):
        os.close(fd)
    os.umask(umask)
    os.chdir(cwd)
    for name in list(os.environ):
        if name not in env:
            del os.environ[name]
    os.environ.update(env)
    return [str(word) for word in words]


def _tell_who_waits(running: dict[int, socket.socket]) -> None:
    """Sends the exit status of each ended process to its caller."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with running.pop(pid) as connection:
            try:
                connection.sendall(b"%d\n" % status)
            except BrokenPipeError:
                pass


def _main() -> None:
    sys.argv[1:] = _serve(socket.socket(fileno=int(sys.argv[1])))
    sys.argv[0], sys.path[0] = PROGRAM, os.path.dirname(PROGRAM)
    from lkrshell.__main__ import main

    main()


if __name__ == "__main__":
    _main()
