"""`lkr init`: the first run in a project, step by step. Makes the manifest, or takes up the one that came with it."""

import os

import tomlkit

from lkrshell.cli import ask, common, declare, importing, installing, prompts
from lkrshell.core import names
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.text import show
from lkrshell.core.want import Want
from lkrshell.project import approve, discover, grants, lookup
from lkrshell.shells import rcfiles
from lkrshell.state import files, index
from lkrshell.system import git
from lkrshell.vendors import providers


@declare.command("init")
@declare.argument("folder", required=False)
@declare.option("--yes", is_flag=True, help="Write and allow the manifest without asking; ask for no value.")
@declare.option("--import", "take", is_flag=True, help="With --yes: also store the values that .env holds.")
@declare.option("--install", is_flag=True, help="With --yes: also lkr install for the shell you are in.")
def command(folder: str | None, yes: bool, take: bool, install: bool) -> None:
    """Guide through a project's set-up. Manifest, keys, .gitignore, hook; each step can be declined."""
    if not yes and not ask.on_terminal():
        raise LkrError("no terminal to ask on", "say --yes, and --import and --install if you want those", USAGE)
    if folder:
        try:
            os.chdir(folder)
        except OSError as error:
            raise LkrError(f"cannot enter {show(folder)}: {error.strerror}") from None
        os.environ["PWD"] = os.path.abspath(folder)
    here = lookup.current_folder()
    manifest = os.path.join(here, lookup.MANIFEST)
    begun = False
    try:
        allowed = _take_up(here, yes) if os.path.lexists(manifest) else _make(here, yes)
        begun = True
        if allowed and os.path.isfile(os.path.join(here, ".env")) and (take or not yes):
            importing.offer(".env", yes)
        if allowed:
            _missing(here, yes)
        if os.path.lexists(manifest):
            _ignore(here, yes)
        if install or not yes:
            _install(yes)
    except KeyboardInterrupt:
        if not begun:
            raise
        raise LkrError("stopped", "what you agreed to before is done; lkr init goes on from there", 130) from None


def _agreed(question: str) -> bool:
    return ask.confirm(question, default=True)


def _make(folder: str, yes: bool) -> bool:
    """Proposes a manifest and writes it; True when it is allowed."""
    store = common.store()
    stored = index.names(store.name)
    seen = discover.variables(folder)
    entries = {}
    for variable, where in seen.items():
        key = str(providers.key_for(variable))
        same = [each for each in stored if each.startswith(key.partition(":")[0] + ":")]
        entries[variable] = same[0] if len(same) == 1 else key
        declare.echo(f"  {variable} is in {show(where)}", err=True)
    entries = entries or _from_store(store.name, stored)
    lines = ["version = 1", "", "[keys]", *(f'{variable} = "{key}"' for variable, key in entries.items())]
    if not entries:
        lines.append('# OPENAI_API_KEY = "openai:prod"')
    place, text = lookup.Place(folder), "\n".join(lines) + "\n"
    if not yes:
        declare.echo("\n" + text, err=True)
        if not _agreed("Write this .lkr.toml and allow it?"):
            return False
    prompts.write_and_allow(place, text)
    declare.echo(f"lkr: wrote .lkr.toml with {common.count(len(entries), 'key', 'keys')}, and allowed it", err=True)
    return True


def _from_store(store: str, stored: list[str]) -> dict[str, str]:
    entries: dict[str, str] = {}
    for key in stored:
        entry = index.read(store, key)
        if entry and entry.kind == "runtime" and (variable := providers.variable_of(key)):
            entries.setdefault(variable, key)
    return entries


def _take_up(folder: str, yes: bool) -> bool:
    """Shows what the manifest that is there would get; True when it is allowed."""
    place = lookup.Place(folder)
    parsed = approve.read_manifest(place)
    known = grants.read(place.real)
    if known and known.covers(place):
        declare.echo(f"lkr: {show(place.real)} is allowed", err=True)
        return True
    declare.echo(f"{show(place.real)} would get:", err=True)
    for line in approve.difference((), parsed.wants):
        declare.echo(line, err=True)
    if not yes and not _agreed("Allow?"):
        return False
    prompts.allow(place, parsed)
    declare.echo(f"lkr: allowed {show(place.real)}", err=True)
    return True


def _missing(folder: str, yes: bool) -> None:
    """Asks for each value that is not stored, and for another label; that goes into `.lkr.local.toml`."""
    place = lookup.Place(folder)
    approve.check_allowed(place)
    store = common.store()
    parsed = approve.read_manifest(place)
    labels: dict[str, str] = {}
    try:
        for want in parsed.wants:
            if want.profile not in ("", parsed.profile) or store.exists(want.key):
                continue
            if yes:
                declare.echo(f"lkr: {want.key} is not stored yet: lkr set {want.key}", err=True)
            elif (key := _ask(want)) and key != want.key:
                labels[want.variable] = key
    finally:  # a key that is stored is not to be forgotten because a later question was not answered
        if labels:
            _write_labels(place, labels)


def _write_labels(place: lookup.Place, labels: dict[str, str]) -> None:
    document = tomlkit.parse(place.local[1:])
    keys = document.setdefault("keys", tomlkit.table())
    if isinstance(keys, list):
        raise LkrError(f"{lookup.LOCAL} has the short form of keys", f"write [keys] and {labels}")
    for variable, key in labels.items():
        keys[variable] = key
    text = tomlkit.dumps(document)
    prompts.write_and_allow(place, local=text)
    declare.echo(f"lkr: wrote your labels into {lookup.LOCAL}, and allowed it", err=True)


def _ask(want: Want) -> str | None:
    """Stores the key that `want` lacks, under a label of the user's choice; its name, None when declined."""
    kind = "could use" if want.optional else "wants"
    question = f"{want.variable} {kind} {want.key}, which is not stored. Store it?"
    if not ask.confirm(question, default=not want.optional):
        return None
    provider, _, label = want.key.partition(":")
    while not names.is_key(key := f"{provider}:{ask.text('Label', label)}"):
        declare.echo("a label is of a-z, 0-9 and -", err=True)
    if not common.store().exists(key):
        common.make_vault(common.store())
        prompts.set_key(common.store(), key)
    return key


def _ignore(folder: str, yes: bool) -> None:
    """Adds the personal file to .gitignore where git would see it."""
    if not git.sees(os.path.join(folder, lookup.LOCAL)):
        return
    if not yes and not _agreed(f"Add {lookup.LOCAL} to .gitignore?"):
        return
    path = os.path.join(folder, ".gitignore")
    target = os.path.realpath(path)
    try:
        old = b""
        if os.path.exists(target):
            with open(target, "rb") as file:
                old = file.read()
        end = b"\r\n" if b"\r\n" in old else b"\n"
        glue = b"" if not old or old.endswith(b"\n") else end
        mode = os.stat(target).st_mode & 0o777 if os.path.exists(target) else 0o644
        files.replace_file(target, old + glue + lookup.LOCAL.encode() + end, mode, *os.path.split(target))
    except OSError as error:
        raise LkrError(f"cannot write {show(path)}: {error.strerror}", f"add {lookup.LOCAL} to it") from None
    declare.echo(f"lkr: {lookup.LOCAL} is in .gitignore now", err=True)


def _install(yes: bool) -> None:
    try:
        shell = installing.present_shell()
    except LkrError:
        if yes:
            raise
        declare.echo("lkr: to have new shells load lkr: lkr install SHELL", err=True)
        return
    changes, remarks = rcfiles.install([shell], False, None)
    installing.tell(changes, remarks)
    if changes and (yes or _agreed("Have new shells load lkr, by these changes?")):
        for change in changes:
            rcfiles.apply(change)
        declare.echo("lkr: installed; new shells load lkr", err=True)
