"""Which shells load lkr when they start. It only reads their files: starting a shell would run the users' own lines."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

from lkrshell.core import platform
from lkrshell.core.text import quoted
from lkrshell.doctor import (
    Finding,
    blank_command,
    edit_command,
    fact,
    install_command,
    sed_command,
    shown,
    warning,
    wrong,
)
from lkrshell.project import lookup
from lkrshell.shells import base, hook, rcfiles
from lkrshell.shells.current_shell import current_shell
from lkrshell.state import paths

_WRITTEN = b"# Written by lkr install"
# Plugin managers name a plugin: in oh-my-zsh's list, in antidote's file, or in lines of zinit and others.
_PLUGIN = re.compile(
    rb"^(?!\s*#)(?:(?:[^#\n]*\W)?(?:source|\.)[ \t][^#\n]*(?<!completions)/lkr(?:/load)?(?:\.plugin)?\.(?:%s)\b"
    rb"|[^#\n]*\b(?:zinit|zplug|zgenom|antigen|antidote|sheldon)\b[^#\n]*\blkr(?:shell)?\b"
    rb"|\s*plugins\+?=\([^)]*\blkr(?:shell)?\b)" % "|".join(base.SHELLS).encode(),
    re.M,
)
_STOP = re.compile(rb"(return|exit|exec)(?![^\s;&|])(?!\s*(?:\d*[<>&]|\{))")  # a redirection after `exec` stops nothing
# Text that holds no commands: an escaped character, quotes, a comment, a here-document after the rest of its line.
_NO_CODE = (
    rb"\\.|\"(?:\\.|[^\"\\])*\"|%b|(?<!\S)#[^\n]*"
    rb"|(?<!<)<<-?[ \t]*['\"\\]?(?P<end>[A-Za-z_]\w*)['\"]?(?P<rest>[^\n]*)\n"
    rb"(?:[^\n]*\n)*?[ \t]*(?P=end)[ \t]*(?![^\n])"
)
_QUOTES = rb"\$'(?:\\.|[^'\\])*'|'[^']*'", rb"'(?:\\.|[^'\\])*'"  # in POSIX shells, and in fish
_TOKEN = re.compile(rb"[;&|`()]|[^\s;&|`()]+")
# What ends a block, and what began it, in POSIX shells and in fish; and what a command may follow directly.
_ENDS = (
    {b"fi": (b"if",), b"esac": (b"case",), b"done": (b"do",), b"}": (b"{",), b")": (b"(",)},
    {b"end": (b"if", b"for", b"while", b"switch", b"begin", b"function"), b"}": (b"{",), b")": (b"(",)},
)
_BEFORE = (
    {*b"; & | ` ( ) { } ! if then elif else while until do time".split()},
    {*b"; & | ` ( { } ! if while begin and or not time".split()},
)
_LISTED = re.compile(rb"^[^#\n]*\blkr(?:shell)?\b", re.M)


@dataclass(frozen=True)
class Load:
    """A place that loads lkr. `installed`: `lkr install` wrote it. `own`: a line with `lkr hook`. Otherwise a
    plugin."""

    path: str
    line: int
    end: int  # bytes
    installed: bool = False
    own: bool = False


def shells(fix: bool) -> Iterator[Finding]:
    """The shells of this machine, and whether yours load the right lkr, once, and nothing undoes that."""
    there = [shell for shell in base.SHELLS if shutil.which(shell)]
    yours = [shell for shell in dict.fromkeys((current_shell(), login_shell())) if shell in there]
    found = {shell: find_loads(shell) for shell in there}
    by_direnv = shutil.which("direnv") and os.path.exists(rcfiles.direnv_library())
    for shell in there:
        name, least = named_version(shell)
        where = " and ".join(dict.fromkeys(shown(load.path) for load in found[shell]))
        if found[shell]:
            yield fact(f"{name} loads lkr from {where}")
            if least:
                yield wrong(f"{name} is too old for lkr's hook, which needs {least}", install_command(shell))
            yield from _twice(shell, found[shell])
            yield from _undone(shell, found[shell])
            for load in found[shell]:
                if stop := stopped(shell, load):
                    yield warning(stop[1], edit_command(load.path, stop[0]))
            yield from _loader(shell, found[shell])
        else:
            yield fact(f"{name} does not load lkr", f"lkr install {shell}" if shell in yours else "")
    if "LKR_STATE" in os.environ:
        yield fact("this shell has loaded lkr")
    elif yours and not any(found[shell] for shell in yours) and not by_direnv:
        text, remedy = f"{yours[0]} does not load lkr, so entering a project loads no keys", f"lkr install {yours[0]}"
        if os.path.exists(rcfiles.kept_hook(yours[0])):  # something loaded it earlier
            yield warning(f"lkr cannot find what makes {yours[0]} load it, but it was loaded before", remedy)
        else:
            yield wrong(text, remedy)
    for shell in there:
        rc_files = base.dialect(shell).rc_files() if found[shell] and base.dialect(shell).login_differs else []
        if lacking := [path for path in rc_files if not _in(path, found[shell])]:
            yield warning(f"login shells read {shown(lacking[0])}, which does not load lkr", f"lkr install {shell}")


def login_shell() -> str:
    """The name of the user's login shell."""
    path = os.environ.get("SHELL", "")
    if not path and not platform.WINDOWS:
        import pwd

        try:
            path = pwd.getpwuid(os.getuid()).pw_shell
        except KeyError:
            pass
    return os.path.basename(path)


def find_loads(shell: str) -> list[Load]:
    """The places that load lkr in this shell's files, and in files that those source by name."""
    found = []
    ours = os.path.basename(base.dialect(shell).loader())  # fish reads it by itself, also as fisher's copy
    for path in files_read(shell):
        text = text_of(path)
        blocks = list(rcfiles.BLOCK.finditer(text))
        if os.path.basename(path) == ours and b"__lkr" in text:
            found.append(Load(path, 1, len(text), text.startswith(_WRITTEN)))
            continue
        found += [Load(path, _number(text, each.start()), each.end(), installed=True) for each in blocks]
        plugin = _LISTED if path.endswith(".zsh_plugins.txt") else _PLUGIN
        for pattern, own in ((rcfiles.OWN_LINE, True), (plugin, False)):
            for each in pattern.finditer(text):
                if not any(block.start() <= each.start() < block.end() for block in blocks):
                    found.append(Load(path, _number(text, each.end()), each.end(), own=own))
    return found


def stopped(shell: str, load: Load) -> tuple[int, str] | None:
    """The number of the line that ends the file before it loads lkr, and a sentence about it. None if the shell gets
    there. Only counts lines outside of blocks and without an indent, since others may not run.
    """
    fish, blocks = shell == "fish", list[bytes]()
    text = re.sub(_NO_CODE % _QUOTES[fish], _as_a_word, text_of(load.path), flags=re.S)
    for number, line in enumerate(text.split(b"\n")[: load.line - 1], 1):
        if not blocks and (stop := _STOP.match(line)):
            what = f"{stop[1].decode()!r} in line {number} ends it"
            return number, f"{shown(load.path)} never gets to the line that loads lkr: {what}"
        _count_blocks(line, shell, blocks)
    return None


def _as_a_word(match: re.Match[bytes]) -> bytes:
    """Returns what replaces a text without commands: as many lines, which end in the middle of a command."""
    lines = b"\n" * match[0].count(b"\n")
    if match["end"]:
        return bytes(match["rest"]) + lines
    return b"" if match[0].startswith(b"#") else lines + b"_"


def _count_blocks(line: bytes, shell: str, blocks: list[bytes]) -> None:
    """Adds to `blocks` what the line begins, and removes what it ends. Words count only where a command starts."""
    ends, before = _ENDS[shell == "fish"], _BEFORE[shell == "fish"]
    begins = {each for group in ends.values() for each in group}
    anywhere = (b")", b"}") if shell == "zsh" else (b")",)
    starts = True
    for word in _TOKEN.findall(line):
        if word in (b"(", b"{") or (starts and word in begins):
            blocks.append(word)
        elif word in ends and (starts or word in anywhere):
            begun = [place for place, each in enumerate(blocks) if each in ends[word]]
            if begun and not (word == b")" and blocks[-1] == b"case"):  # this one ends a pattern
                del blocks[begun[-1] :]
        starts = word in before and (starts or word in b";&|`(){")


def files_read(shell: str) -> list[str]:
    """The files that interactive shells of this kind read, in order, and the files that those source by name."""
    found: dict[str, None] = {}
    for path in base.dialect(shell).startup_files():
        for each in (path, *_sourced(text_of(path))):
            if os.path.isfile(each):
                found.setdefault(each)
    return list(found)


def text_of(path: str) -> bytes:
    """A file's content. Empty if there is no such file, or if it is not a regular file of at most 1 MiB."""
    text = lookup.read_text(path)
    return text[1:].encode("utf-8", "surrogateescape") if text.startswith(lookup.TEXT) else b""


def _sourced(text: bytes) -> Iterator[str]:
    for each in re.finditer(rb"^(?!\s*#)(?:.*?[\s;&])??(?:source|\.)[ \t]+([\"']?)([~$/][^\s\"';&|]*)\1", text, re.M):
        path = os.path.expandvars(os.path.expanduser(os.fsdecode(each[2])))
        if path.startswith("/") and not path.startswith(os.path.join(paths.config_dir(), "load.")):
            yield path


def _number(text: bytes, at: int) -> int:
    return text.count(b"\n", 0, at) + 1


def _in(path: str, found: list[Load]) -> bool:
    """True when `path`, or a file that it sources, loads lkr."""
    return any(load.path in (path, *_sourced(text_of(path))) for load in found)


def _twice(shell: str, found: list[Load]) -> Iterator[Finding]:
    """Places that load lkr again in the same shell. A plugin may show up twice: by its name, and by the file of that
    name."""
    speak = base.dialect(shell)
    if speak.login_differs:
        found = [load for load in found if _in(speak.rc_files()[0], [load])]
    plugins = [load for load in found if not load.own and not load.installed][:1]
    own = [load for load in found if load.own]
    installed = [load for load in found if load.installed]
    for load in [*installed, *plugins, *own][1:]:
        if load.own:
            remedy = blank_command(load.path, load.line, "lkr")
            yield wrong(f"{shell} loads lkr twice, the second time from {shown(load.path)}, line {load.line}", remedy)
        elif not load.installed:
            yield wrong(f"{shell} loads lkr twice, as a plugin and by what lkr install wrote", "lkr uninstall")


def _undone(shell: str, found: list[Load]) -> Iterator[Finding]:
    """Lines after ours in the same file that replace the prompt's hooks."""
    speak = base.dialect(shell)
    for load in found if speak.undoing else ():
        text = text_of(load.path)
        if over := re.compile(speak.undoing, re.M).search(text, load.end):
            variable = speak.prompt_variable
            where = f"{shown(load.path)}, line {_number(text, over.end())}"
            remedy = (
                f"lkr install {shell}" if load.installed else sed_command(f"{load.line}{{h;s/.*/:/;}};$G", load.path)
            )
            yield wrong(f"{where}, replaces {variable} after lkr was loaded, which removes lkr's hook", remedy)


def _loader(shell: str, found: list[Load]) -> Iterator[Finding]:
    """Whether the loader and the cached hook belong to a program that exists, and to this version."""
    if not any(load.installed for load in found):
        return
    path = base.dialect(shell).loader()
    text = os.fsdecode(text_of(path))
    remedy = f"lkr install {shell}"
    if not text:
        yield wrong(f"{shown(path)} is gone, so {shell} loads nothing", remedy)
        return
    program = rcfiles.loader_program(text)
    if program and not os.access(program, os.X_OK):
        yield wrong(f"{shell} loads lkr from {shown(program)}, which is gone", remedy)
    elif not text.endswith(rcfiles.loader_rest(shell)):
        yield wrong(f"{shown(path)} belongs to another version of lkr", remedy)
    elif os.path.exists(program) and os.path.samefile(program, rcfiles.program()):
        kept = rcfiles.kept_hook(shell)
        if not os.path.exists(kept) or os.stat(kept).st_mtime != os.stat(program).st_mtime:
            return  # the next shell renews it
        if os.fsdecode(text_of(kept)) != hook.preamble(shell) + hook.data("shell", f"lkr.{shell}"):
            yield wrong(f"{shown(kept)} belongs to another version of lkr", f"rm {quoted(kept)}")


def named_version(shell: str) -> tuple[str, str]:
    """The shell's name with its version; and the version that lkr's hook needs, empty if this one is new enough."""
    version, oldest = _version(shell), base.dialect(shell).oldest
    least = ".".join(map(str, oldest)) if (0, 0) < version < oldest else ""
    return f"{shell} {'.'.join(map(str, version))}", least


def _version(shell: str) -> tuple[int, int]:
    login_shell = os.environ.get("SHELL", "")
    path = login_shell if os.path.basename(login_shell) == shell and os.access(login_shell, os.X_OK) else shell
    said = output(path, *base.dialect(shell).ask_version)
    numbers = re.search(r"(\d+)\.(\d+)", said)
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)


def output(*words: str) -> str:
    """What a program prints; empty if it cannot run, fails, or takes longer than two seconds."""
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=2, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode("utf-8", "replace").strip()
