"""The machine and what runs here: versions, coding agents, what may write memory to a disk, the clipboard."""

import os
import sys
from collections.abc import Iterator
from importlib import metadata

import lkrshell
from lkrshell.core import platform
from lkrshell.core.errors import LkrError
from lkrshell.core.text import quoted, show
from lkrshell.doctor import Finding, fact, install_command, shown, warning
from lkrshell.doctor.shells import login_shell
from lkrshell.runtime import agents as known
from lkrshell.shells import base, rcfiles
from lkrshell.shells.current_shell import current_shell
from lkrshell.state import config


def versions(fix: bool) -> Iterator[Finding]:
    """The versions of lkr and what it needs, and other programs called lkr."""
    parts = [f"{name} {metadata.version(name)}" for name in ("keyring", "pyrage")]
    yield fact(f"lkr {lkrshell.__version__}, Python {'.'.join(map(str, sys.version_info[:3]))}, {', '.join(parts)}")
    try:
        ours = rcfiles.program()
    except LkrError:
        return  # run as a module
    folders = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    found = [os.path.join(folder, "lkr") for folder in folders if os.access(os.path.join(folder, "lkr"), os.X_OK)]
    others = [path for path in dict.fromkeys(found) if not os.path.samefile(path, ours)]
    if others and found[0] == others[0]:
        where = "" if ours in found else ", which is not on PATH"
        text = f"`lkr` runs {shown(others[0])}, not this program, {shown(ours)}{where}"
        yield warning(text, f"alias lkr={quoted(ours)}")
    elif others:
        yield fact(f"another lkr is further down on PATH: {', '.join(map(shown, others))}")


def agents(fix: bool) -> Iterator[Finding]:
    """The agents on PATH, and the one that started this process."""
    settings = config.load()
    found = known.programs(settings)
    off = "" if settings.agent_functions else "; agent_functions turns their functions off"
    yield fact(f"on PATH: {', '.join(dict.fromkeys(found)) or 'none'}{off}")
    if not settings.agent_ancestors:
        yield fact("agent_ancestors turns the check of ancestor processes off")
    if agent := known.detect(dict(os.environ), known.ancestors(), settings):
        yield fact(f"{show(agent)} started this shell, so it gets only keys with --agents allow")


def memory(fix: bool) -> Iterator[Finding]:
    """Ways in which a shell's memory, including keys, may be written to a disk."""
    swaps = open_swaps()
    for device in swaps:
        text = f"{show(device)} is unencrypted swap, so a shell's memory may be written there"
        yield warning(text, f"sudo swapoff {quoted(device)}")
    dumps = core_dumps()
    if dumps:
        text = f"a program that crashes leaves its memory {dumps}, including keys in its environment"
        yield warning(text, _no_dumps())
    if not swaps and not dumps:
        yield fact("no unencrypted swap, no core dumps")


def open_swaps(root: str = "/") -> list[str]:
    """Swap areas on disks that no layer encrypts, from the lists of Linux below `root`."""
    try:
        with open(os.path.join(root, "proc/swaps"), encoding="utf-8", errors="surrogateescape") as file:
            devices = [line.split()[0] for line in file.readlines()[1:]]
    except OSError:
        return []  # macOS encrypts its swap
    return [
        device
        for device in (each.encode().decode("unicode_escape") if "\\" in each else each for each in devices)
        if not os.path.basename(device).startswith("zram") and not _encrypted(root, _block(root, device))
    ]


def _block(root: str, path: str) -> str:
    """The name in /sys of the block device `path`, or of the device that contains the file `path`."""
    real = os.path.realpath(path)
    if real.startswith("/dev/"):
        return os.path.basename(real)
    try:
        device = os.stat(real).st_dev
    except OSError:
        return ""
    return os.path.basename(
        os.path.realpath(os.path.join(root, f"sys/dev/block/{os.major(device)}:{os.minor(device)}"))
    )


def _encrypted(root: str, name: str) -> bool:
    folder = os.path.join(root, "sys/class/block", name)
    try:
        with open(os.path.join(folder, "dm/uuid"), encoding="ascii", errors="replace") as file:
            if file.read().startswith("CRYPT-"):
                return True
        below = os.listdir(os.path.join(folder, "slaves"))
    except OSError:
        return False
    return bool(below) and all(_encrypted(root, each) for each in below)


def core_dumps(pattern: str = "/proc/sys/kernel/core_pattern") -> str:
    """Where the memory of a program started here would go if it crashed; empty for nowhere."""
    if platform.WINDOWS:
        return ""
    import resource

    if resource.getrlimit(resource.RLIMIT_CORE)[0] == 0:
        return ""  # systemd-coredump and apport respect this too
    try:
        with open(pattern, encoding="utf-8", errors="replace") as file:
            where = file.read().strip()
    except OSError:
        where = "core"
    if not where or where.startswith(("|/bin/false", "|/bin/true")):
        return ""
    return f"to {show(where[1:].split()[0])}" if where.startswith("|") else f"in a file ({show(where)})"


def _no_dumps() -> str:
    """The command that turns core dumps off, for this shell and future ones."""
    shell = next((each for each in (current_shell(), login_shell()) if each in base.SHELLS), base.SHELLS[0])
    rc = base.dialect(shell).user_files()[0]
    return f"ulimit -c 0; echo 'ulimit -c 0' >> {quoted(rc)}"


def clipboard(fix: bool) -> Iterator[Finding]:
    """The tool that `lkr get` would copy with."""
    from lkrshell.system.clipboard import tool

    if name := tool():
        yield fact(name)
    elif os.environ.get("WAYLAND_DISPLAY"):
        yield fact("none; lkr get needs one", install_command("wl-clipboard"))
    elif os.environ.get("DISPLAY"):
        yield fact("none; lkr get needs one", install_command("xclip"))
    else:
        yield fact("none, since there is no display; lkr get --show prints to the terminal")
