"""Questions that several commands ask, and what they show first."""

from lkrshell.cli import ask, common, declare
from lkrshell.core import names
from lkrshell.core.binding import shown
from lkrshell.core.errors import REFUSED, USAGE, LkrError
from lkrshell.core.secret import Secret
from lkrshell.core.text import show
from lkrshell.project import approve, granted, lookup, manifest
from lkrshell.runtime import keys
from lkrshell.vendors import providers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from lkrshell.core.binding import Binding
    from lkrshell.sources.settings import Settings
    from lkrshell.stores.base import Store


def yes(question: str, given: bool, hint: str = "add --yes", default: bool = False) -> None:
    """Returns if the person agrees, or if `given` says so. LkrError (2) if there is no terminal to ask on."""
    if given:
        return
    if not ask.on_terminal():
        raise LkrError("no terminal to ask on", hint, REFUSED)
    ask.agree(question, default=default)


def value_of(name: str, prompt: str, from_stdin: bool, force: bool = False) -> Secret:
    """Reads a value for the key, and warns if it does not look like a key of its provider.

    Unless `force`, it leaves out the blanks around a known vendor's key. LkrError (64) if there are several such keys.
    """
    secret = common.read_secret(prompt, from_stdin)
    if not force:
        secret = _one_key(name, secret)
    if warning := providers.shape_warning(name, secret.reveal()):
        declare.echo(f"lkr: {warning}; if that is a mistake, run this again", err=True)
    return secret


def _one_key(name: str, secret: Secret) -> Secret:
    words = secret.reveal().split()
    found = [word for word in words if providers.begins_like_its_keys(name, word)]
    if len(found) > 1:
        what = f"the value looks like {len(found)} keys of {names.provider_of(name)}"
        raise LkrError(what, f"pass only one; lkr set {name} --force stores all of it as one value", USAGE)
    if not found or found != words or found[0] == secret.reveal():
        return secret
    declare.echo("lkr: left out the spaces or line breaks around the value", err=True)
    return Secret(found[0])


def set_key(store: "Store", name: str, from_stdin: bool = False, kind: str = "", replace: bool = False) -> None:
    """Asks for a key's value and stores it. Replaces an existing value only if the person agrees."""
    force = replace
    if not replace and store.is_created() and store.exists(name):
        if from_stdin or not ask.on_terminal():
            raise keys.already_stored(name)
        question = f"{name} already has a value, which lkr rotate would keep. Replace it for good?"
        ask.agree(question)
        replace = True
    value = value_of(name, f"Value of {name}", from_stdin, force)
    common.make_vault(store)
    keys.set_value(store, name, value, kind, replace)
    common.log("set", name)
    declare.echo(f"lkr: stored {name} in the {store.name}", err=True)


def tell_projects(name: str) -> None:
    """Names the allowed projects whose manifests name this key, since they will no longer get it."""
    if folders := granted.by_key().get(name):
        declare.echo(f"lkr: {shown(name)} is in the manifest of {common.some_folders(folders, 5)}", err=True)


def ask_provider(name: str) -> None:
    """Asks about a provider that is one typing mistake away from one that lkr knows; off a terminal, warns."""
    provider = names.provider_of(name)
    if provider in providers.known():
        return
    import difflib

    if close := difflib.get_close_matches(provider, providers.known(), 1, 0.8):
        if ask.on_terminal():
            ask.agree(f"lkr knows {close[0]}, but not {provider}. Store {name} anyway?")
        else:
            declare.echo(f"lkr: {provider} is not a provider that lkr knows; did you mean {close[0]}?", err=True)


def tell_source(found: "Settings") -> None:
    """Describes a source, before the person agrees to it."""
    fields = {"where": found.place(), **found.fields}
    fields.pop("address", None)
    words = ", ".join(f"{name} {value}" for name, value in fields.items() if value)
    declare.echo(f"  {found.name}: {found.type}, {show(words)}", err=True)
    for name, command in found.commands.items():
        declare.echo(f"  {name}: {show(' '.join(command))}", err=True)


def offer_sources(parsed: manifest.Manifest, yes: bool) -> None:
    """Offers to add the sources that a manifest describes and the person does not have. Never changes one.

    Without a question, the address stays unconfirmed: `lkr login` will ask.
    """
    for line in approve.of_sources(parsed):
        declare.echo(f"lkr: {line}", err=True)
    if not parsed.sources:
        return
    from lkrshell.sources import edit, programs, registry, settings

    mine = settings.user_table()
    for name, table in parsed.sources.items():
        if name in mine:
            continue
        found = settings.parse(name, table, lookup.MANIFEST, in_manifest=True)
        tell_source(found)
        if not yes and not ask.confirm(f"Add the source {name}?", default=False):
            continue
        if registry.is_program(found.type):
            table = table | {"program": programs.find(registry.program_of(found.type))}
        edit.add(name, table)
        if not yes:
            edit.confirm(found)
        common.log("source")
        declare.echo(f"lkr: added the source {name}; log in: lkr login {name}", err=True)


def fetch_copies(bindings: "Iterable[Binding]") -> None:
    """Fetches the keys of sources that have no copy here yet. Reports problems, and goes on."""
    if not (keys := [each.key for each in bindings if names.is_fetched(each.key)]):
        return
    from lkrshell.runtime import source_fetch
    from lkrshell.sources import refresh

    store = common.store()
    if not store.is_created() or store.is_locked():
        declare.echo(f"lkr: the {store.noun} is locked, so nothing was fetched; lkr unlock, lkr refresh", err=True)
        return
    report = source_fetch.fetch(store, keys, refresh.NEEDED)
    for key, why in report.gone.items():
        declare.echo(f"lkr: {refresh.gone(key, why)}", err=True)
    common.tell_problems(report.failed.values())
    if report.fetched:
        declare.echo(f"lkr: fetched {common.count(len(report.fetched), 'key', 'keys')}", err=True)


def open_sealed(place: lookup.Place, bindings: "Iterable[Binding]") -> None:
    """Opens the sealed keys that these bindings name, if that needs no question. Problems do not stop anything."""
    if not (keys := [names.in_source(each.key) for each in bindings if names.is_sealed(each.key)]):
        return
    from lkrshell.cli import sealing

    try:
        sealing.open_for(place.folder, list(dict.fromkeys(keys)))
    except LkrError as error:
        declare.echo(f"lkr: {error}", err=True)


def allow(place: lookup.Place, parsed: manifest.Manifest, everywhere: bool | None = None) -> None:
    """Grants the current content of `place`, and records that in the audit log."""
    approve.record(place, parsed, everywhere)
    _log_allowed(place, parsed)


def write_and_allow(place: lookup.Place, text: str | None = None, local: str | None = None) -> manifest.Manifest:
    """Writes a manifest of `place`, allows it, and records that in the audit log. See approve.write."""
    parsed = approve.write(place, text, local)
    _log_allowed(place, parsed)
    return parsed


def bring_in(place: lookup.Place, parsed: manifest.Manifest) -> None:
    """Fetches and opens the keys of the manifest that have no copy here yet."""
    fetch_copies(parsed.bindings)
    open_sealed(place, parsed.bindings)


def _log_allowed(place: lookup.Place, parsed: manifest.Manifest) -> None:
    bring_in(place, parsed)
    common.log("allow", *dict.fromkeys(binding.key for binding in parsed.bindings), project=place.real)
