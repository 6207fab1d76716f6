"""What several commands share: the store in use, the audit log, reading values, checking names."""

import contextlib
import functools
import os
import stat
import sys
import time

from lkrshell.cli import ask, declare
from lkrshell.core import names, platform
from lkrshell.core.errors import REFUSED, USAGE, LkrError
from lkrshell.core.secret import MAX_VALUE, Secret
from lkrshell.core.text import show
from lkrshell.project import lookup
from lkrshell.runtime import agents
from lkrshell.state import audit, config
from lkrshell.state.paths import tilde
from lkrshell.stores import registry

KEY = declare.argument("name", metavar="NAME")
did_you_mean = names.did_you_mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TypeVar

    from lkrshell.core.binding import Binding
    from lkrshell.project.grants import Grant
    from lkrshell.stores.base import Store
    from lkrshell.stores.vault import Vault

    T = TypeVar("T")


def store() -> "Store":
    return registry.choose(config.load())


def vault() -> "Vault":
    """The vault, for tasks that only a vault can do. LkrError if it is not the store in use, or does not exist yet."""
    chosen = registry.vault(config.load())
    if chosen is None:
        own = "use your desktop's own tools"
        if platform.DARWIN:
            own = "use macOS's own tool: security set-keychain-password lkr.keychain-db"
        raise LkrError("this is for the vault, but lkr uses the keychain here", own, USAGE)
    if not chosen.is_created():
        raise LkrError("there is no vault yet", "create it: lkr unlock")
    return chosen


def make_vault(store: "Store") -> None:
    """Creates the vault, or lkr's own keychain, if there is none, and asks for its passphrase. Without a terminal it
    does nothing; then `lkr unlock --stdin` creates it."""
    if not store.is_created() and ask.on_terminal():
        from lkrshell.cli import passphrases

        passphrases.create(store, passphrases.for_new_store(store), lambda new, given: new.unlock(given))


def progress(items: "Sequence[T]", label: str) -> "Iterator[T]":
    """Yields the items. After a second, shows a progress bar on stderr if that is a terminal."""
    start = time.monotonic()
    with contextlib.ExitStack() as stack:
        bar = None
        for number, item in enumerate(items):
            if bar is None and sys.stderr.isatty() and time.monotonic() - start > 1:
                import click

                bar = stack.enter_context(click.progressbar(length=len(items), label=label, file=sys.stderr))
                bar.update(number)
            yield item
            if bar is not None:
                bar.update(1)


def tell_problems(problems: "Iterable[object]") -> None:
    """Prints a line for each problem that did not stop the rest."""
    for each in problems:
        declare.echo(f"lkr: {show(str(each))}", err=True)


def count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def some_folders(folders: "Sequence[str]", most: int) -> str:
    """The first `most` folders, as text for a sentence, and how many more there are."""
    more = f" and {len(folders) - most} more" if len(folders) > most else ""
    return show(", ".join(tilde(each) for each in folders[:most])) + more


def two_secrets() -> tuple[Secret, Secret]:
    """Reads two values from standard input, one on each line."""
    lines = sys.stdin.buffer.read(2 * MAX_VALUE).decode("utf-8", "surrogateescape").splitlines()
    if len(lines) != 2 or not all(lines):
        raise LkrError("standard input must have two lines, neither of them empty", "nothing was changed", USAGE)
    return Secret(lines[0]), Secret(lines[1])


_ancestors = functools.cache(agents.ancestors)  # the values stay the same


def agent() -> str | None:
    """The coding agent that runs us; None if there is none."""
    return agents.detect(dict(os.environ), _ancestors(), config.load())


def log(event: str, *keys: str, project: str = "") -> None:
    """Adds a line to the audit log; says so on stderr if that fails."""
    if problem := audit.record(event, list(keys), [], project, _ancestors(), agent()):
        declare.echo(f"lkr: {problem}", err=True)


def recorder(project: str) -> "Callable[[str, list[Binding]], None]":
    """A function for `session.fetch_asking` that writes lines about this project's keys to the audit log."""
    return lambda event, bindings: log(event, *dict.fromkeys(binding.key for binding in bindings), project=project)


@contextlib.contextmanager
def logged(event: str) -> "Iterator[list[str]]":
    """Collects the names of changed keys in a list, and records them at the end, even after an error."""
    done: list[str] = []
    try:
        yield done
    finally:
        if done:
            log(event, *done)


def stdin_is_piped() -> bool:
    """True if standard input is a pipe or a file. So `pbpaste | lkr set NAME` needs no option."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def place_here() -> lookup.Place:
    """The project of the current folder, or this folder if there is none: where a command writes a manifest."""
    here = lookup.current_folder()
    return lookup.Place(lookup.find(here) or here)


def elsewhere(place: lookup.Place) -> str:
    """The path of the place's manifest, made safe to show; empty if the manifest is in the current folder."""
    return "" if place.folder == lookup.current_folder() else show(os.path.join(place.folder, lookup.MANIFEST))


def profiles(chain: "Iterable[Grant]") -> list[str]:
    """The names of all profiles in these manifests, sorted."""
    return sorted({binding.profile for grant in chain for binding in grant.bindings} - {""})


def no_variable(name: str, form: str) -> LkrError:
    """The error for a key whose provider has no known variable. `form` names the variable and the key."""
    from lkrshell.vendors import providers

    close = did_you_mean(names.provider_of(name), [*providers.known()], "")
    hint = f"{close} Otherwise, write {form}" if close else f"write {form}"
    return LkrError(f"no known variable for {name}", hint, USAGE)


def unusual_variable(variable: str, name: str, why: tuple[str, str]) -> LkrError:
    """The error for `why` (see providers.refusal) about a variable for the key `name` that no manifest names yet."""
    message, hint = why
    if "--variable" in hint:
        here = lookup.find(lookup.current_folder())
        hint = f'{"" if here else "run lkr init, "}write {variable} = "{name}" into {lookup.MANIFEST}, then {hint}'
    return LkrError(message, hint, USAGE)


def refused(message: str, hint: str, *keys: str, project: str = "") -> LkrError:
    """Records that these keys were refused, and returns the error (2) to raise."""
    log("refused", *keys, project=project)
    return LkrError(message, hint, REFUSED)


def checked_key(name: str) -> str:
    """Returns the name that the person typed, if it names a key. Raises LkrError otherwise."""
    before, equals, value = name.partition("=")
    if names.looks_like_a_value(name) or (equals and value and names.is_key(before)):
        raise value_typed()
    return names.checked_key(name)


def value_typed() -> LkrError:
    """The error for a key's value that the person typed as an argument."""
    what = "that looks like a key's value; your shell's history keeps it now, and other users could see it"
    hint = "delete it from the history, revoke it at the vendor, and store a new one: lkr set provider:label"
    return LkrError(what, hint, USAGE)


def stored_name(name: str) -> str:
    """Returns the store's name for the key that the person named. Every command that takes a name calls it first.

    `sealed/…` names a key of the team that serves the current folder. Raises LkrError for an invalid name.
    """
    checked_key(name)
    if not names.is_sealed(name):
        return name
    if names.source_of(name) != names.SEALED:
        hint = f"write {names.SEALED}/{names.in_source(name)}"
        raise LkrError(f"{names.redacted(name)} is not the name of a key", hint, USAGE)
    from lkrshell.team import members

    return members.copy_of(name, os.getcwd())


def checked_own(name: str) -> str:
    """Returns `name` if it names a key of the machine's own store."""
    if "/" in checked_key(name):
        what = "is in the project's repository" if names.is_sealed(name) else "is a key of a source"
        raise LkrError(f"{name} {what}", "name a key without a source here", USAGE)
    return name


def read_secret(prompt: str, from_stdin: bool) -> Secret:
    """Reads a value: from a hidden prompt, or all of standard input without a line break at its end."""
    if from_stdin:
        data = sys.stdin.buffer.read(MAX_VALUE + 2)
        text = data.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "surrogateescape")
    elif not ask.on_terminal():
        raise LkrError(f"no terminal to ask for the {prompt.lower()}", "pass it with --stdin", REFUSED)
    else:
        text = ask.hidden(prompt)
    if not text:
        raise LkrError("the value is empty", "nothing was changed")
    if "\0" in text or len(text.encode("utf-8", "surrogateescape")) > MAX_VALUE:
        raise LkrError("a value cannot contain a NUL byte or be longer than 64 KiB", "nothing was changed")
    return Secret(text)


def project_folder(folder: str | None) -> str:
    """The nearest folder with a manifest, from `folder` up (default: here). LkrError if there is none."""
    return lookup.require_at(folder)
