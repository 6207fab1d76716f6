"""What `lkr import` and `lkr init` do with keys found elsewhere: a plan, the store, the manifest, a blanked file."""

import io
import os
import re
import subprocess
from collections.abc import Iterator

import tomlkit

from lkrshell.cli import ask, common, declare, prompts
from lkrshell.core import names
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.secret import MAX_VALUE, Secret
from lkrshell.core.text import show
from lkrshell.project import approve, grants, lookup
from lkrshell.runtime import keys as service
from lkrshell.state import files
from lkrshell.stores.vault import Vault
from lkrshell.system import git
from lkrshell.vendors import providers


def offer(file: str, yes: bool) -> None:
    """For `lkr init`: shows which keys of the env file would be stored, and stores them unless the person says no."""
    if found := keys(file_values(file)):
        store = common.store()
        common.make_vault(store)
        if store.is_locked() and not yes:
            vault = isinstance(store, Vault)
            store.unlock(common.read_secret("Passphrase of the vault", False) if vault else None)
        plan = Plan(found)
        plan.tell()
        if yes or ask.confirm(f"Store these keys, which are in {show(file)}?", default=True):
            plan.carry_out(file, yes, replace=False, blank=False)


def keys(values: dict[str, str]) -> dict[str, str]:
    """Those of the variables that hold keys, by their names."""
    return {
        variable: value for variable, value in values.items() if providers.key_for(variable) and _fits(variable, value)
    }


class Plan:
    """Which key each variable found becomes, and whether the store has that key: `new`, `same` or `differs`."""

    def __init__(self, found: dict[str, str], name: str | None = None) -> None:
        self.found = found
        self.names = dict.fromkeys(found, name) if name else _propose(found, _named())
        self.store = common.store()
        common.make_vault(self.store)
        present = self.store.get(list(set(self.names.values())))
        self.state = {variable: self._state(variable, present.get(key)) for variable, key in self.names.items()}

    def _state(self, variable: str, there: Secret | None) -> str:
        return "new" if there is None else "same" if there.reveal() == self.found[variable] else "differs"

    def rows(self) -> list[dict[str, str]]:
        return [
            {"variable": variable, "name": key, "state": self.state[variable]} for variable, key in self.names.items()
        ]

    def tell(self) -> None:
        for variable, key in self.names.items():
            declare.echo(f"  {variable} → {key} ({self.state[variable]})", err=True)

    def carry_out(self, file: str | None, yes: bool, replace: bool, blank: bool) -> None:
        """Stores the keys, asking about those that differ, and names them in the manifest here."""
        for variable in [variable for variable, each in self.state.items() if each == "differs" and not replace]:
            self._settle(variable, yes)
        named = _Named(self.names)  # before anything is stored: what cannot be named is not stored either
        fresh = {key: variable for variable, key in self.names.items() if self.state[variable] != "same"}
        with common.logged("import") as done:
            for key in common.progress(list(fresh), "storing"):
                done.append(key)
                replaced = self.state[fresh[key]] == "differs"  # which the person agreed to
                service.keep(self.store, key, Secret(self.found[fresh[key]]), replace=replaced)
        named.write()
        stored = common.count(len(self.names), "key is", "keys are")
        declare.echo(f"lkr: {stored} in the {self.store.name} and named in .lkr.toml", err=True)
        if file and self.names and (blank or (not yes and _may_blank(file))):
            _blank(file, set(self.names))

    def _settle(self, variable: str, yes: bool) -> None:
        """A key that is there with another value: replaced, stored under another label, or left out."""
        while (key := self.names[variable]) and self.state[variable] == "differs" and not yes:
            if ask.confirm(f"{key} has another value. Replace it?"):
                return
            label = ask.text("Another label for this one (empty: leave it out)", "")
            if not label:
                break
            self.names[variable] = self._another(variable, f"{key.partition(':')[0]}:{label}")
            there = self.store.get([self.names[variable]]).get(self.names[variable])
            self.state[variable] = self._state(variable, there)
        if self.state[variable] == "differs":
            declare.echo(f"lkr: {key} differs and is kept; {variable} is left out", err=True)
            del self.names[variable]

    def _another(self, variable: str, key: str) -> str:
        """`key` as a name that no other variable of this plan has for another value."""
        for other, taken in self.names.items():
            if taken == common.checked_key(key) and other != variable and self.found[other] != self.found[variable]:
                raise LkrError(f"{key} is for {other} already", "nothing was stored; choose another label", USAGE)
        return key


def _may_blank(file: str) -> bool:
    try:
        return ask.confirm(f"Take the values out of {show(file)}?")
    except KeyboardInterrupt:  # what was stored stays, so it must not end in "nothing was changed"
        declare.echo(err=True)
        return False


def _propose(found: dict[str, str], named: dict[str, str]) -> dict[str, str]:
    """A key's name for each variable: the one in `named`, else by provider. Two with the same value share one; another
    value gets its variable as label."""
    plan: dict[str, str] = {}
    for variable, value in found.items():
        key = named.get(variable) or str(providers.key_for(variable))
        if variable not in named and any(found[other] != value for other, taken in plan.items() if taken == key):
            key = f"{key.partition(':')[0]}:{variable.lower().replace('_', '-').strip('-')}"
        plan[variable] = key
    return plan


def _named() -> dict[str, str]:
    """What the manifest here calls the keys, if it is allowed."""
    place = lookup.Place(lookup.current_folder())
    grant = grants.read(place.real)
    if grant is None or not grant.covers(place):
        return {}
    return {want.variable: want.key for want in grant.wants if not want.profile}


def _fits(variable: str, value: str | None) -> bool:
    plain = bool(value) and "\0" not in str(value) and len(str(value).encode("utf-8", "surrogateescape")) <= MAX_VALUE
    name = providers.key_for(variable)
    return plain and names.is_variable(variable) and not names.changes_programs(variable) and names.is_key(name or "")


def environment() -> dict[str, str]:
    return {variable: value for variable, value in os.environ.items() if providers.holds_a_key(variable, value)}


def from_tool(source: str, name: str | None) -> dict[str, str]:
    """What another keeper of secrets gives, by its own program; that may ask for its passphrase itself."""
    tool, _, what = source.partition(":")
    if tool == "envchain" and what:
        if name:
            raise LkrError("an envchain namespace has names of its own", "leave --as out", USAGE)
        entries = [entry.partition("=") for entry in _output("envchain", what, "env", "-0").split("\0")]
        return {variable: value for variable, _, value in entries if os.environ.get(variable) != value}
    if tool == "pass" and what:
        value = _output("pass", "show", what).split("\n")[0]
    elif tool == "secret-tool" and "=" in what:
        value = _output("secret-tool", "lookup", *what.split("=", 1)).removesuffix("\n")
    else:
        raise LkrError("no such source", "pass:PATH, secret-tool:ATTRIBUTE=VALUE or envchain:NAMESPACE", USAGE)
    variable = providers.variable_of(common.checked_key(name or ""))
    if not variable:
        raise LkrError("no known variable for that provider", "lkr set NAME, then lkr add VARIABLE=NAME", USAGE)
    return {variable: value}


def _output(*words: str) -> str:
    try:
        done = subprocess.run(words, stdout=subprocess.PIPE, check=True, timeout=120)
    except (OSError, subprocess.SubprocessError):
        raise LkrError(f"{words[0]} gave nothing", "is it installed, and is that the right entry?") from None
    return done.stdout.decode("utf-8", "surrogateescape")


def file_values(path: str) -> dict[str, str]:
    """As python-dotenv reads it: quotes, several lines, `export`, interpolation."""
    import dotenv

    values = dotenv.dotenv_values(stream=io.StringIO(_text(path)))
    return {variable: value for variable, value in values.items() if value}


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return file.read()
    except OSError as error:
        raise LkrError(f"cannot read {show(path)}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise LkrError(f"{show(path)} is not UTF-8") from None


class _Named:
    """The manifest here with the keys in it, a new one if need be. LkrError when it cannot be that."""

    def __init__(self, plan: dict[str, str]) -> None:
        self._place = lookup.Place(lookup.current_folder())
        if self._place.text == lookup.ABSENT:
            document = tomlkit.parse("version = 1\n\n[keys]\n")
        else:
            approve.check_allowed(self._place)
            document = tomlkit.parse(self._place.text[1:])
        keys = document.setdefault("keys", tomlkit.table())
        if isinstance(keys, list):
            hint = "write [keys] with VARIABLE = NAME; nothing was stored"
            raise LkrError("the manifest has the short form of keys", hint)
        for variable, name in plan.items():
            keys.setdefault(variable, name)
        self._text = tomlkit.dumps(document)

    def write(self) -> None:
        prompts.write_and_allow(self._place, self._text)


def _blank(path: str, variables: set[str]) -> None:
    """Rewrites the file with these values empty; all else stays as it is."""
    text = "".join(_blanked(_text(path), variables))
    try:
        target = os.path.realpath(path)
        files.replace_file(target, text.encode(), os.stat(target).st_mode & 0o777, *os.path.split(target))
    except OSError as error:
        raise LkrError(f"cannot write {show(path)}: {error.strerror}", "the keys are stored") from None
    declare.echo(f"lkr: took {common.count(len(variables), 'value', 'values')} out of {show(path)}", err=True)
    if git.tracks(path):
        declare.echo("lkr: git has had this file: its history holds the values, so revoke those keys", err=True)


def _blanked(text: str, variables: set[str]) -> Iterator[str]:
    from dotenv.parser import parse_stream

    for binding in parse_stream(io.StringIO(text)):
        line = binding.original.string
        head = re.match(r"\s*(?:export\s+)?['\"]?[^=\s'\"]+['\"]?[ \t]*=", line)
        if binding.key in variables and head:
            # A comment at the end stays, unless it has a quote in it and so might be a part of the value.
            tail = re.search(r"((?:[ \t]+#[^'\"\r\n]*)?)(\r?\n)?\Z", line[head.end() :])
            yield head[0] + (tail[0] if tail else "")
        else:
            yield line
