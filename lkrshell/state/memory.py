"""The vault's unlocked identity, kept in the kernel's user keyring, which forgets it after a timeout.

Without such a keyring (on another system, or in a container that forbids the calls), a 0600 file on a memory file
system holds it; its first line is the time when it expires. macOS has neither, so a process of ours remembers it: see
`lkrshell.state.macos_memory`.

The calls go through `_ctypes`, since `import ctypes` takes 5 ms. `lkrshell.state.native` could make them too, but
loading it made an export 1.01 to 1.02 times as long.

Source of the numbers: keyctl(2), linux/keyctl.h, and each architecture's system call table.
"""

import os
import stat

from lkrshell.core import folders, platform
from lkrshell.core.errors import LkrError, StoreUnreachable
from lkrshell.core.text import show
from lkrshell.state import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_USER_KEYRING = -4
_READ, _SEARCH, _SETPERM, _SET_TIMEOUT, _UNLINK, _INVALIDATE = 11, 10, 5, 15, 9, 21
_OWNER_ONLY = 0x3F3F0000  # all rights for the possessor and the same user, no rights for others
_GENERIC = (217, 219, 167)
_CALLS = {  # add_key, keyctl, prctl
    "x86_64": (248, 250, 157),
    "aarch64": _GENERIC,
    "riscv64": _GENERIC,
    "ppc64le": (269, 271, 171),
    "s390x": (278, 280, 172),
}
_PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4
_MOST = 32767  # bytes that a key in the kernel can hold


def _syscall(*arguments: "int | bytes | object") -> int:
    """Makes a system call. OSError with its errno."""
    import _ctypes

    global _function
    if _function is None:

        class Long(_ctypes._SimpleCData):  # type: ignore[type-arg]
            _type_ = "l"

        class Function(_ctypes.CFuncPtr):
            _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
            _restype_ = Long

        _function = Function(_ctypes.dlsym(_ctypes.dlopen(None, 0), "syscall"))  # type: ignore[arg-type]
    result: int = _function(*arguments)
    if result == -1:
        code = _ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


_function: "Callable[..., int] | None" = None


def _calls() -> tuple[int, int, int] | None:
    """The numbers of add_key, keyctl and prctl; None for a system or machine whose numbers we do not know."""
    if not platform.LINUX:
        return None
    return _CALLS.get(os.uname().machine)


def harden() -> None:
    """Prevents core dumps of this process, and other processes of the user from attaching to it: it will hold a key.

    The command that `lkr exec` becomes starts without this again. Only on Linux: on macOS PT_DENY_ATTACH would stay
    with that command (xnu, bsd/kern/kern_exec.c), and attaching needs an entitlement there anyway.
    """
    if calls := _calls():
        try:
            _syscall(calls[2], _PR_SET_DUMPABLE, 0, 0, 0, 0)
        except OSError:
            pass


def soften() -> None:
    """Undoes `harden` in a program that is not ours, so that debuggers and /proc work for whoever runs it."""
    if calls := _calls():
        try:
            _syscall(calls[2], _PR_SET_DUMPABLE, 1, 0, 0, 0)
        except OSError:
            pass


def is_hard() -> bool:
    """True when this process cannot be dumped, because of `harden` or its own choice. False where the system does not
    say."""
    if calls := _calls():
        try:
            return _syscall(calls[2], _PR_GET_DUMPABLE, 0, 0, 0, 0) != 1
        except OSError:
            pass
    return False


def put(name: str, data: bytes, seconds: int) -> str:
    """Keeps `data` under `name` for `seconds`; returns where ("kernel", "a process" or a path)."""
    if platform.DARWIN:
        from lkrshell.state import macos_memory

        return macos_memory.put(name, data, seconds)
    if calls := _calls():
        add_key, keyctl, _ = calls
        try:
            key = _syscall(add_key, b"user", name.encode(), data, len(data), _USER_KEYRING)
            try:
                _syscall(keyctl, _SETPERM, key, _OWNER_ONLY)
                _syscall(keyctl, _SET_TIMEOUT, key, seconds)
            except OSError:
                _syscall(keyctl, _INVALIDATE, key)  # never leave it without a timeout
                raise
            return "kernel"
        except OSError:
            pass
    import time

    path = _memory_file(name)
    files.make_private_dir(os.path.dirname(path))
    if not _ours(path):  # a link could lead to a disk
        raise LkrError(f"{show(os.path.dirname(path))} is a link", "remove it, or set XDG_RUNTIME_DIR")
    _note(path)
    files.write_private(path, f"{time.time() + seconds:.0f}\n".encode() + data, is_cache=True)
    return path


def get(name: str) -> bytes | None:
    """What `put` kept; None if it was forgotten."""
    if platform.DARWIN:
        from lkrshell.state import macos_memory

        return macos_memory.get(name)
    if calls := _calls():
        try:
            key = _find(calls, name)
            import _ctypes

            class Char(_ctypes._SimpleCData):  # type: ignore[type-arg]
                _type_ = "c"

            class Buffer(_ctypes.Array):  # type: ignore[type-arg]
                _type_ = Char
                _length_ = _MOST

            buffer = Buffer()
            size = _syscall(calls[1], _READ, key, buffer, _MOST)
            return bytes(memoryview(buffer))[:size]
        except OSError:
            pass
    import time

    try:
        path = _memory_file(name)
    except StoreUnreachable:
        return None
    stored = files.read_private(path) if _ours(path) else None
    if stored is None:
        return None
    expiry, _, data = stored.partition(b"\n")
    if not expiry.isdigit() or time.time() >= int(expiry):
        files.remove_private(path)
        return None
    return data


def renew(name: str, seconds: int) -> None:
    """Restarts the timeout."""
    if platform.DARWIN:
        from lkrshell.state import macos_memory

        macos_memory.renew(name, seconds)
        return
    if calls := _calls():
        try:
            _syscall(calls[1], _SET_TIMEOUT, _find(calls, name), seconds)
            return
        except OSError:
            pass
    import time

    path = _memory_file(name)
    if _ours(path) and (stored := files.read_private(path)):
        files.write_private(path, f"{time.time() + seconds:.0f}\n".encode() + stored.partition(b"\n")[2], is_cache=True)


def _find(calls: tuple[int, int, int], name: str) -> int:
    return _syscall(calls[1], _SEARCH, _USER_KEYRING, b"user", name.encode(), 0)


def forget(name: str) -> None:
    """Removes it from the kernel and from the memory file system."""
    if platform.DARWIN:
        from lkrshell.state import macos_memory

        macos_memory.forget(name)
        return
    if calls := _calls():
        try:
            key = _find(calls, name)
            # Invalidated alone, the key's place in the keyring would count against the user's quota until a reboot.
            _syscall(calls[1], _UNLINK, key, _USER_KEYRING)
            _syscall(calls[1], _INVALIDATE, key)  # if another keyring has it, too
        except OSError:
            pass
    found = _noted()
    try:
        found.append(_memory_file(name))
    except StoreUnreachable:
        pass
    for path in dict.fromkeys(found):
        if os.path.basename(path) == name and _ours(path):
            files.remove_private(path)


def _note_file() -> str:
    from lkrshell.state import paths  # only here, where the kernel keeps nothing

    return os.path.join(paths.state_dir(), "memory-files")


def _note(path: str) -> None:
    """Notes a memory file, so that `forget` finds it from a session with another XDG_RUNTIME_DIR, too."""
    if path in (known := _noted()):
        return
    known = [each for each in known if os.path.isdir(os.path.dirname(each))]
    try:
        files.write_private(_note_file(), b"\0".join(map(os.fsencode, [*known, path])), is_cache=True)
    except LkrError:
        pass  # a read-only home


def _noted() -> list[str]:
    try:
        data = files.read_private(_note_file())
    except LkrError:
        return []
    return [os.fsdecode(each) for each in data.split(b"\0")] if data else []


def _ours(path: str) -> bool:
    """True when this user owns the folder of `path`. In /dev/shm another user may have made a folder or a link of that
    name first; then it holds nothing of ours."""
    try:
        info = os.lstat(os.path.dirname(path))
    except OSError:
        return False
    return stat.S_ISDIR(info.st_mode) and info.st_uid == os.getuid()


def _memory_file(name: str) -> str:
    if platform.WINDOWS:
        raise StoreUnreachable("Windows has no place for the vault's identity", "use LKR_BACKEND=keyring")
    for base in (os.environ.get("XDG_RUNTIME_DIR", ""), "/dev/shm"):  # noqa: S108
        if base and _in_memory(base):
            return os.path.join(base, f"lkr-{os.getuid()}", name)
    raise StoreUnreachable(
        "neither the kernel's keyring nor a memory file system can hold the vault's identity",
        "set XDG_RUNTIME_DIR to a folder on a tmpfs",
    )


def _in_memory(folder: str) -> bool:
    """True when `folder` is on a tmpfs or ramfs, according to /proc/mounts."""
    try:
        with open("/proc/mounts", encoding="utf-8", errors="surrogateescape") as file:
            mounts = {line.split(" ")[1]: line.split(" ")[2] for line in file}
    except OSError:
        return False
    real = os.path.realpath(folder)
    if not os.path.isdir(real):
        return False
    for candidate in folders.above(real):
        if candidate in mounts:
            return mounts[candidate] in ("tmpfs", "ramfs")
    return False
