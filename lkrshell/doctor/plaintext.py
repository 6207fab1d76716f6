"""Exposed keys: in the files that shells read when they start, and in this environment.

This module reads values, to tell text from a command and to compare with the store. No value leaves it.

It does not use the search of `lkr scan`, which answers another question. Scan finds stored values and what looks like a
key, anywhere. Here, the variable's name decides: any value counts, even if it looks like no key and is not in the
store, and a command that prints the value is recognized. The result is the command that removes the line, so this
module must know the file's syntax. It also works with a locked store.
"""

import functools
import os
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass

from lkrshell.core import names
from lkrshell.core.binding import Binding
from lkrshell.core.errors import LkrError
from lkrshell.core.secret import Secret
from lkrshell.core.text import quoted
from lkrshell.core.time_limit import TimeLimit
from lkrshell.doctor import Finding, blank_command, edit_command, shown, store, warning, wrong
from lkrshell.doctor.shells import files_read, text_of
from lkrshell.project import granted, lookup
from lkrshell.runtime import session
from lkrshell.shells import base, direnv_state, fish, rcfiles, session_state
from lkrshell.shells.current_shell import current_shell
from lkrshell.state import config, index, paths
from lkrshell.vendors import providers

_SHORTEST = 8  # characters; a shorter value is a placeholder
# One word that the shell does not expand, alone on its line.
_WORD = re.compile(r"""('[^']*'|"[^"\\$`]*"|[^\s;&|<>()'"`$\\#]+)[ \t]*(?:[ \t]#.*)?$""")
_WITHIN = re.compile(r"(?<![\w$#?&{])([A-Z][A-Z0-9_]*)=(?=(\S.*))")
# A line that only gives a variable a value, by the file's syntax.
_ALONE = {
    "posix": re.compile(r"[ \t]*(?:(?:export|declare|typeset|readonly)[ \t]+(?:-\w+[ \t]+)*)?([A-Z][A-Z0-9_]*)=(.*)"),
    "fish": re.compile(r"[ \t]*set(?:[ \t]+-[-\w]+)*[ \t]+([A-Z][A-Z0-9_]*)[ \t]+(.*)"),
    "universal": re.compile(r"SETUVAR (?:--\w+ )*([A-Z][A-Z0-9_]*):(.*)"),
    "pam": re.compile(r"[ \t]*([A-Z][A-Z0-9_]*)[ \t]+(?:DEFAULT|OVERRIDE)=(.*)"),
}
_COMMAND = re.compile(r"""^["']?(?:\$\(|`|\()""")


@dataclass(frozen=True)
class Assignment:
    """A line that gives a variable a value. `alone`: it does nothing else, so a command can remove it. `command`: a
    program gives the value, so the line contains no key. `value` is None in that case, and if the value is not a plain
    word."""

    path: str
    line: int
    variable: str
    syntax: str  # posix, fish, universal, plain, pam
    value: Secret | None = None
    alone: bool = False
    command: bool = False


def variables(fix: bool) -> Iterator[Finding]:
    """Key variables that a file sets in every shell, or that something has set in this one."""
    known = {variable for each in providers.known().values() for variable in (each.variable, *each.aliases)}
    known |= {variable for variable in granted.variables() if names.is_variable(variable)}
    found = [each for path in _files() for each in assignments(path, known)]
    for each in found:
        where = f"{shown(each.path)}, line {each.line}"
        if each.command:
            yield warning(f"{where}, runs a command that gives {each.variable} to every shell", _without(each))
        else:
            yield wrong(f"{where}, holds the value of {each.variable} in plain text", remedy(each))
    yield from _set_here({each.variable for each in found})


def bindings_here() -> list[Binding]:
    """The bindings of the current project; empty if there is none, or it is not allowed."""
    folder = lookup.find(lookup.current_folder())
    try:
        return session.bindings_at(folder, [])[1] if folder else []
    except LkrError:
        return []  # `lkr status` says why


def assignments(path: str, wanted: Container[str]) -> Iterator[Assignment]:
    """The lines of a file that give one of these variables a value, without comments and references to other
    variables."""
    syntax = _syntax(path)
    alone, before = _ALONE.get(syntax, _ALONE["posix"]), ""
    for number, line in enumerate(os.fsdecode(text_of(path)).split("\n"), 1):
        joined, before = before.endswith("\\") or line.endswith("\\"), line
        if line.lstrip().startswith("#"):
            continue
        match = alone.match(line)
        if match and match[1] in wanted:
            # A person must edit PAM's own syntax, continued lines, and lines that do more.
            whole = not joined and syntax != "pam"
        else:
            match = next((each for each in _WITHIN.finditer(line) if each[1] in wanted), None)
            whole = False
        if match:
            yield from _assignment(path, number, match[1], match[2], syntax, whole)


def _assignment(path: str, number: int, variable: str, rest: str, syntax: str, whole: bool) -> Iterator[Assignment]:
    """The assignment in `rest`, the line from the value on, if the value may be a key."""
    if syntax == "universal":
        value = re.sub(r"\\x([0-9a-f]{2})", lambda code: chr(int(code[1], 16)), rest)
        word = bool(value)
    else:
        found = _WORD.fullmatch(rest)
        word, value = bool(found), found[1].strip("'\"") if found else ""
    if _COMMAND.match(rest):
        ends = re.fullmatch(r"""(?:"?\$\([^()]*\)"?|`[^`]*`|\([^()]*\))[ \t]*""", rest)
        yield Assignment(path, number, variable, syntax, alone=whole and bool(ends), command=True)
    elif word and len(value) >= _SHORTEST:
        yield Assignment(path, number, variable, syntax, Secret(value), alone=whole)
    elif not word and re.match(r"""\$?['"]?[^\s'"$`();]{8}""", rest):
        yield Assignment(path, number, variable, syntax)


def remedy(each: Assignment) -> str:
    """The command that stores the value, unless the store has it, and then removes the line."""
    out = _without(each)
    if each.command:
        return out
    kept, name, made = _place(each)
    if kept:
        return out
    if not each.alone:
        return f"lkr set {name} && {out}"
    file, variable = quoted(each.path), each.variable
    line = f"{each.line}{{/{variable}/p;}}"
    if each.syntax == "universal":
        # What config.fish prints, or a global of that name, is not the value; and -N would not read universal
        # variables.
        reading = f"fish -c 'set -eg {variable}; printf %s ${variable} >&3' 3>&1 >/dev/null"
    elif each.syntax == "fish":
        reading = f"fish -N -c 'eval (sed -n \"{line}\" $argv[1]); printf %s ${variable}' {file}"
    else:
        reading = f'bash -c \'eval "$(sed -n "{line}" "$1")"; printf %s "${variable}"\' - {file}'
    return f"{'' if made else 'lkr unlock && '}{reading} | lkr set {name} && {out}"


def _without(each: Assignment) -> str:
    """The command that removes the line. In a shell's file it leaves a `:`, since an `if` may contain only that
    line."""
    if not each.alone:
        return edit_command(each.path, each.line)
    if each.syntax == "universal":
        return f"fish -c 'set -eU {each.variable}'"
    return blank_command(each.path, each.line, each.variable, "" if each.syntax == "plain" else ":")


def _syntax(path: str) -> str:
    base = os.path.basename(path)
    if base == "fish_variables":
        return "universal"
    if base == ".pam_environment":
        return "pam"
    if path.endswith(".fish"):
        return "fish"
    return "plain" if base.endswith(".conf") or re.match(r"\.env(\.|$)", base) else "posix"


def _files() -> list[str]:
    """The files that shells, PAM and systemd read for this user, as far as the user can change them."""
    found = [path for shell in base.SHELLS for path in files_read(shell)]
    home, units = paths.home(), os.path.join(paths.home(), ".config/environment.d")
    found += [fish.folder("fish_variables"), os.path.join(home, ".pam_environment")]
    found += [os.path.join(units, name) for name in sorted(os.listdir(units))] if os.path.isdir(units) else []
    found += rcfiles.kept_copies()  # copies of files that `lkr install` replaced
    return [path for path in dict.fromkeys(found) if os.access(path, os.W_OK)]


_given: dict[str, Secret | None] = {}  # names that the commands of this run would use; each may be used once


def _place(each: Assignment) -> tuple[str, str, bool]:
    """The key that already has this value (empty for none), else a free name for it; and whether the store exists."""
    here = [binding.key for binding in bindings_here() if binding.variable == each.variable]
    name = next(filter(names.is_own, here), "")
    name = name or providers.key_for(each.variable) or f"{each.variable.lower().replace('_', '-')}:main"
    provider = names.provider_of(name)
    if each.value:
        for key, secret in {**_stored(provider), **_given}.items():
            if secret and secret.reveal() == each.value.reveal():
                return "" if key in _given else key, key, True
    with TimeLimit(store.WAIT):
        chosen, _ = store.in_force(config.load())
    made = chosen is None or chosen.is_created()
    taken = {*(index.names(chosen.name) if chosen else ()), *_given}
    base = re.sub(r"[^a-z0-9]+", "-", os.path.basename(each.path).lower()).strip("-") or "file"
    free = [name, f"{provider}:{base}", *(f"{provider}:{base}-{number}" for number in range(2, len(taken) + 3))]
    name = next(each for each in free if each not in taken)
    _given[name] = each.value
    return "", name, made


@functools.cache
def _stored(provider: str) -> dict[str, Secret]:
    """The provider's keys in the store. Empty while it is locked; then a key may be stored twice, which loses
    nothing."""
    try:
        with TimeLimit(store.WAIT):
            chosen, _ = store.in_force(config.load())
            there = index.names(chosen.name) if chosen else []
            return chosen.get([name for name in there if name.startswith(f"{provider}:")]) if chosen else {}
    except LkrError:
        return {}


def _set_here(named: set[str]) -> Iterator[Finding]:
    """Variables of this project that something other than lkr and direnv has set in this shell."""
    loaded = set(session_state.loaded())
    ours = loaded | set(os.environ.get("LKR_DIRENV", "").split()) | direnv_state.variables_set() | named
    shell = current_shell()
    unset = (base.dialect(shell) if shell in base.SHELLS else base.Shell()).unset
    for binding in bindings_here():
        before = f"LKR_OLD_{binding.variable}"
        if os.environ.get(before) and binding.variable not in named:
            text = f"{binding.variable} had a value before lkr loaded it, and has it again when you leave"
            yield warning(text, f"{unset} {before}")
        elif (value := os.environ.get(binding.variable)) and binding.variable not in ours:
            secret = _stored(names.provider_of(binding.key)).get(binding.key)
            if secret and secret.reveal() == value:
                continue  # `lkr exec` set it
            yield warning(
                f"{binding.variable} has a value in this shell that lkr did not load", f"{unset} {binding.variable}"
            )
