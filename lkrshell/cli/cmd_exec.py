"""`lkr exec -- COMMAND`: replaces this process with a command that has the project's keys."""

import os

from lkrshell.cli import common, declare
from lkrshell.core import names
from lkrshell.core.binding import Binding, shown
from lkrshell.core.errors import USAGE, KeyNotStored, LkrError, ManifestError
from lkrshell.project import grants, lookup
from lkrshell.runtime import execute
from lkrshell.runtime import keys as stored_keys
from lkrshell.state import index, paths
from lkrshell.vendors import providers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@declare.command(
    "exec",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    examples=(
        "lkr exec -- python app.py",
        "lkr exec --broker -- npm test",
    ),
)
@declare.option(
    "-k",
    "--key",
    "keys",
    multiple=True,
    metavar="[VARIABLE=]NAME",
    help="Use this key instead of the project's. May be repeated.",
)
@declare.option("--all", "every", is_flag=True, help="Give every stored runtime key, in its provider's variable.")
@declare.option("--clean", is_flag=True, help="Remove other variables that look like keys.")
@declare.option("--broker", "virtual", is_flag=True, help="Give virtual keys, which work only at the broker.")
@declare.option("--redact", is_flag=True, help="Replace the keys' values in what the command prints.")
@declare.argument("words", nargs=-1, required=True, metavar="COMMAND [ARGUMENT]...")
def command(
    keys: tuple[str, ...], every: bool, clean: bool, virtual: bool, redact: bool, words: tuple[str, ...]
) -> None:
    """Run a command with this project's keys. Includes keys with scope "exec", but never admin keys."""
    if keys and every:
        raise LkrError("-k and --all cannot be used together", "choose one", USAGE)
    folder, require_all = paths.real("."), bool(keys)
    if keys or every:
        bindings = (
            _one_each(map(_named, keys), "give one of them another variable: -k VARIABLE={}")
            if keys
            else _one_each(_every(), "name them: -k NAME")
        )
        if who := common.agent():
            _as_the_manifest_says(bindings, words[0], who)
        _check_stored(bindings)
    else:
        bindings, folder, require_all = execute.project_bindings(words[0])
    environment = execute.own_environment()
    if clean:
        for variable in [name for name, value in os.environ.items() if providers.holds_a_key(name, value)]:
            del environment[os.fsencode(variable)]
    if virtual:
        for binding in bindings:
            binding.via = "broker"
    named = bool(keys or every)
    execute.become_with_keys(bindings, folder, words, environment, require_all=require_all, named=named, redact=redact)


def _as_the_manifest_says(bindings: list[Binding], program: str, agent: str) -> None:
    """For a coding agent: LkrError (2) unless this project's allowed manifest names all of these keys for `program`.
    If the manifest gives a key only through the broker, the command gets only a virtual key."""
    named: dict[str, str] = {}
    reason = "the manifest here does not name"
    try:
        for each in execute.project_bindings(program)[0]:
            named[each.key] = each.via and named.get(each.key, each.via)
    except ManifestError as error:
        reason = f"{error.message}, so nothing names"
    for binding in bindings:
        binding.via = named.get(binding.key, "")
    if others := [binding.key for binding in bindings if binding.key not in named]:
        message = f"{reason} {', '.join(others)} for a coding agent ({agent})"
        raise common.refused(message, f"the user can run: lkr add {others[0]}", *others, project=paths.real("."))


def _check_stored(bindings: list[Binding]) -> None:
    """KeyNotStored for the first key that the machine's own store does not have."""
    store = common.store()
    for binding in bindings:
        if names.is_own(binding.key) and not store.exists(binding.key):
            raise KeyNotStored(
                f"not stored: {binding.key}", stored_keys.meant(store, binding.key, f"lkr set {binding.key}")
            )


def _every() -> "Iterator[Binding]":
    store = common.store()
    for name in index.names(store.name):
        entry, variable = index.read(store.name, name), providers.variable_of(name)
        if entry is not None and entry.kind != "admin" and variable is not None:
            yield Binding(variable, name)


def _one_each(bindings: "Iterable[Binding]", hint: str) -> list[Binding]:
    """These bindings, each once. LkrError if two give a variable different keys; `hint` may name the second by {}."""
    found: dict[str, Binding] = {}
    for each in bindings:
        other = found.setdefault(each.variable, each)
        if other.key != each.key:
            message = f"{each.variable} could be {shown(other.key)} or {shown(each.key)}"
            raise LkrError(message, hint.format(shown(each.key)), USAGE)
    return list(found.values())


def _named(text: str) -> Binding:
    variable, equals, name = text.rpartition("=")
    key = common.stored_name(name)
    found = variable if equals else providers.variable_of(name)
    if not found:
        raise common.no_variable(name, f"-k VARIABLE={name}")
    if not names.is_variable(found):
        raise LkrError(f"{names.redacted(found)} is not a valid variable name", "use A-Z, 0-9 and _", USAGE)
    if why := providers.refusal(found, _let_in()):
        raise common.unusual_variable(found, name, why)
    return Binding(found, key)


def _let_in() -> tuple[str, ...]:
    """The variables that the person accepted for the current project."""
    folder = lookup.find(lookup.current_folder())
    if folder is None:
        return ()
    place = lookup.Place(folder)
    grant = grants.in_force(place)
    return grant.let_in if grant and grant.covers(place) else ()
