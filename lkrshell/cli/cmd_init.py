"""`lkr init`: sets up a project, step by step. Writes a manifest, or uses the one that came with the project."""

import os
from collections.abc import Collection

from lkrshell.cli import ask, common, declare, importing, installing, prompts
from lkrshell.core import folders, names
from lkrshell.core.binding import Binding
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.text import show
from lkrshell.project import approve, discover, envfile, grants, lookup, manifest_reader, manifest_text, project_files
from lkrshell.project.manifest import Manifest
from lkrshell.runtime import import_plan
from lkrshell.shells import rcfiles
from lkrshell.state import index, paths
from lkrshell.state.paths import tilde
from lkrshell.stores.base import Store
from lkrshell.system import git
from lkrshell.vendors import providers


@declare.command("init", examples=("lkr init", "lkr init --yes --import"))
@declare.argument("folder", required=False)
@declare.option("--yes", is_flag=True, help="Write and allow the manifest without asking for anything.")
@declare.option("--import", "take", is_flag=True, help="With --yes: also store the values from .env.")
@declare.option("--install", is_flag=True, help="With --yes: also run lkr install for your shell.")
def command(folder: str | None, yes: bool, take: bool, install: bool) -> None:
    """Set up a project step by step. Covers the manifest, keys, .gitignore and the hook. You can decline each step."""
    if not yes and not ask.on_terminal():
        raise LkrError("no terminal to ask on", "add --yes, and --import and --install if you want those", USAGE)
    if folder:
        try:
            os.chdir(folder)
        except OSError as error:
            raise LkrError(f"cannot enter {show(folder)}: {error.strerror}") from None
        os.environ["PWD"] = os.path.abspath(folder)
    here = lookup.current_folder()
    has_secrets = _set_up(lookup.Place(here), yes, take)
    _missing(here, yes)
    _ignore(here, lookup.LOCAL, yes)
    if has_secrets:
        _ignore(here, ".env", yes)
    if install or not yes:
        _install(yes)


def _agreed(question: str) -> bool:
    return ask.confirm(question, default=True)


def _set_up(place: lookup.Place, yes: bool, take: bool) -> bool:
    """Manifest, keys of `.env` and grant: asks all questions first, then does everything. KeyboardInterrupt after a no
    to the manifest, since the next steps need it. Returns True if `.env` still has secrets in plain text."""
    project_files.check_new(place)
    new = place.text == lookup.ABSENT
    if new and (above := lookup.find(os.path.dirname(place.folder))):
        hidden = show(tilde(os.path.join(above, lookup.MANIFEST)))
        what = f"a .lkr.toml here hides {hidden}, unless you write inherit = true into it"
        declare.echo(f"lkr: {what}", err=True)
    parsed = None if new else manifest_reader.read_manifest(place)
    known = grants.in_force(place)
    allowed = bool(known and known.covers(place))
    if parsed and not allowed:
        _agree_to_theirs(place, parsed, yes)
    if parsed:
        prompts.offer_sources(parsed, yes)
    wanted = manifest_text.keys_by_variable(parsed.bindings) if parsed else {}
    seen = discover.variables(place.folder) if new else {}
    for variable, where in seen.items():
        declare.echo(f"  {variable} is in {show(where)}", err=True)
    env = _env(place.folder, take)
    plan = _offer(env, wanted, place, yes) if env and (take or not yes) else None
    keys = plan.keys if plan else {}
    if new:
        keys = _proposed(seen, keys, env, plan.found if plan else ())
    text, local = manifest_text.with_keys(place, keys)
    if new:
        _agree_to_ours(place, text, keys, yes)
    if new or (plan and plan.keys) or not allowed:
        importing.carry_out(plan, place, text, local)
    what = f"wrote .lkr.toml with {common.count(len(keys), 'key', 'keys')}, and allowed it"
    declare.echo(f"lkr: {what if new else f'{show(place.real)} is allowed'}", err=True)
    lines = (plan.keys if plan else {}) | importing.unset(env, wanted | keys) if env else {}
    if env and lines and not yes and importing.may_blank(env, lines):
        importing.comment_out(env, lines)
    return env is not None and importing.tell_left(env.folder, env.name)


def _agree_to_theirs(place: lookup.Place, parsed: Manifest, yes: bool) -> None:
    """Shows what the project's own manifest would get, and asks."""
    declare.echo(f"{show(place.real)} would get:", err=True)
    for line in approve.difference((), parsed.bindings):
        declare.echo(line, err=True)
    if not yes:
        ask.agree("Allow?", default=True)


def _agree_to_ours(place: lookup.Place, text: str, keys: dict[str, str], yes: bool) -> None:
    """Shows the new manifest, and asks. LkrError if nothing names a key and nobody can be asked."""
    if yes and not keys:
        raise LkrError("no file here names a key", "name one yourself: lkr add VARIABLE=provider:label")
    if not yes:
        declare.echo("\n" + text, err=True)
        if not keys:
            declare.echo("No file here names a key. Add one afterwards: lkr add VARIABLE=provider:label", err=True)
    holds_home = folders.within(os.path.realpath(paths.home()), place.real)
    if holds_home:
        what = f"a .lkr.toml in {show(tilde(place.real))} serves every folder below it that has none of its own"
        declare.echo(f"lkr: {what}", err=True)
    if not yes:
        ask.agree("Write this .lkr.toml and allow it?", default=not holds_home)


def _env(folder: str, needed: bool) -> envfile.EnvFile | None:
    """The project's env file. If it cannot be used, that is an error if it is `needed`, else just a message."""
    path = os.path.join(folder, ".env")
    if not os.path.isfile(path):
        return None
    try:
        return importing.read_env(path)
    except LkrError as error:
        if needed:
            raise
        declare.echo(f"lkr: {error}", err=True)
        return None


def _offer(env: envfile.EnvFile, wanted: dict[str, str], place: lookup.Place, yes: bool) -> import_plan.Plan | None:
    """Asks the person what happens to the keys in the env file. None if it has no keys, or after a no."""
    plan = importing.make_plan(importing.keys_of_file(env), wanted, yes)
    if not plan.found:
        return None
    importing.show_plan(plan, place)
    if not yes and not _agreed(f"Store these keys from {show(env.name)}?"):
        return None
    importing.settle(plan, yes)
    return plan


def _proposed(
    seen: dict[str, str], taken: dict[str, str], env: envfile.EnvFile | None, settled: Collection[str]
) -> dict[str, str]:
    """The key for each variable that was found: the planned one, the provider's only one, or a name for a new one.

    Leaves out variables whose value in `.env` differs from that key's value. Says so, except for `settled` ones, about
    which the person was asked.
    """
    store = common.store()
    values = importing.keys_of_file(env) if env else {}
    entries = {}
    for variable in seen:
        main, key = str(providers.key_for(variable)), import_plan.likely_key(store, variable)
        entry = index.read(store.name, key)
        if entry and entry.kind == "admin":
            key = import_plan.free_name(main, variable, lambda each: index.read(store.name, each) is None)
        if variable in taken:
            entries[variable] = taken[variable]
        elif variable in values and store.exists(key) and not _same(store, key, values[variable]):
            if variable not in settled:
                declare.echo(f"lkr: skipped {variable}: its value in .env differs from {key}", err=True)
        else:
            entries[variable] = key
    return entries | taken


def _same(store: Store, key: str, value: str) -> bool:
    """True if the store has this value. False while it is locked, since nobody can tell then."""
    if store.is_locked():
        return False
    secret = store.get([key]).get(key)
    return secret is not None and secret.reveal() == value


def _missing(folder: str, yes: bool) -> None:
    """Asks for each value that is not stored, and for its label. Another label goes into `.lkr.local.toml`."""
    place = lookup.Place(folder)
    approve.check_allowed(place)
    store = common.store()
    parsed = manifest_reader.read_manifest(place)
    labels: dict[str, str] = {}
    try:
        for binding in parsed.bindings:
            if binding.profile not in ("", parsed.profile) or store.exists(binding.key) or "/" in binding.key:
                continue  # a key of a source is fetched, not asked for
            if yes:
                declare.echo(f"lkr: {binding.key} is not stored yet: lkr set {binding.key}", err=True)
            elif (key := _ask(binding)) and key != binding.key:
                labels[binding.variable] = key
    finally:  # remember stored keys even if a later question is not answered
        if labels:
            _write_labels(place, labels)
    prompts.open_sealed(place, parsed.bindings)


def _write_labels(place: lookup.Place, labels: dict[str, str]) -> None:
    prompts.write_and_allow(place, local=manifest_text.local_keys(place, labels))
    declare.echo(f"lkr: wrote your labels into {lookup.LOCAL}, and allowed it", err=True)


def _ask(binding: Binding) -> str | None:
    """Stores the missing key of `binding` under a label that the user chooses. Returns its name; None after a no."""
    kind = "could use" if binding.optional else "wants"
    question = f"{binding.variable} {kind} {binding.key}, which is not stored. Store it?"
    if not ask.confirm(question, default=not binding.optional):
        return None
    provider, _, label = binding.key.partition(":")
    while not names.is_key(key := f"{provider}:{ask.text('Label', label)}"):
        declare.echo("lkr: a label consists of a-z, 0-9 and -, such as prod or my-app", err=True)
    if not common.store().exists(key):
        prompts.set_key(common.store(), key)
    return key


def _ignore(folder: str, name: str, yes: bool) -> None:
    """Adds a file of the folder to .gitignore, unless git ignores or tracks it already."""
    path = os.path.join(folder, name)
    if not git.sees(path) or git.tracks(path):
        return
    if not yes and not _agreed(f"Add {name} to .gitignore?"):
        return
    old = project_files.read(folder, ".gitignore") or b""
    end = b"\r\n" if b"\r\n" in old else b"\n"
    glue = b"" if not old or old.endswith(b"\n") else end
    project_files.replace(folder, ".gitignore", old + glue + name.encode() + end)
    declare.echo(f"lkr: {name} is in .gitignore now", err=True)


def _install(yes: bool) -> None:
    try:
        shell = installing.supported_shell()
    except LkrError:
        if yes:
            raise
        declare.echo("lkr: to load lkr in new shells: lkr install SHELL", err=True)
        return
    changes, remarks = rcfiles.install([shell], False, None)
    installing.tell(changes, remarks)
    if changes and (yes or _agreed("Change these files, so that new shells load lkr?")):
        for change in changes:
            rcfiles.apply(change)
        declare.echo(f"lkr: installed; now run: exec {shell}", err=True)
