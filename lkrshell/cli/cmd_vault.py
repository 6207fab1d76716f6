"""`lkr vault`: backs up all keys to one age file, restores them, shows the public key, and makes a new identity."""

import base64
import functools
import json
import os
import sys

import pyrage

from lkrshell.cli import ask, common, declare, passphrases, prompts
from lkrshell.core import clock, limits, names, policy
from lkrshell.core.entry import MAX_TTL, Entry
from lkrshell.core.errors import LOCKED, REFUSED, USAGE, LkrError
from lkrshell.core.secret import KINDS, MAX_VALUE, Secret
from lkrshell.core.text import show
from lkrshell.runtime import enrollment
from lkrshell.runtime import keys as service
from lkrshell.state import config, files, generation, index
from lkrshell.stores import age_keys, registry
from lkrshell.stores.vault import Vault, open_passphrase_file, passphrase_file
from lkrshell.system import tpm
from lkrshell.team import accepted

_FORM = "lkr-backup-1"
_SHORTEST_PIN = 4  # characters
_AT_ONCE = 200  # keys that are read from the store at once


@declare.group("vault")
def command() -> None:
    """Back up the vault, open it with a TPM or Touch ID, or start over."""


@command.command("export", examples=("lkr vault export backup.age", "lkr vault export backup.age --to age1..."))
@declare.argument("file", metavar="FILE")
@declare.option(
    "--to", "recipients", multiple=True, metavar="RECIPIENT", help="An age or SSH public key. May be repeated."
)
@declare.option("--stdin", "from_stdin", is_flag=True, help="Read the file's passphrase from standard input.")
def export(file: str, recipients: tuple[str, ...], from_stdin: bool) -> None:
    """Back up all keys to the age file FILE. With - it goes to standard output. The backup includes admin keys. It gets
    a passphrase of its own, or is encrypted to RECIPIENTs.

    A RECIPIENT is the output of `lkr vault recipient` on another machine, the output of age-keygen -y, or the line in
    a file such as id_ed25519.pub.
    """
    if file == "-" and sys.stdout.isatty():
        raise LkrError("a backup is binary data, and this is a terminal", "name a file, or redirect the output", USAGE)
    if file != "-" and os.path.lexists(file):
        raise LkrError(f"{show(file)} already exists", "choose another name; nothing was written")
    to = [age_keys.recipient(text) for text in recipients]
    store = common.store()
    if not store.is_created():
        raise LkrError(f"there is no {store.noun} yet", "nothing was written; lkr unlock creates it")
    indexed = index.names(store.name)
    stored = [name for name in store.names() or () if names.is_own(name)]
    wanted = sorted({*indexed, *stored})
    keys = {}
    parts = [wanted[at : at + _AT_ONCE] for at in range(0, len(wanted), _AT_ONCE)]
    for part in common.progress(parts, "reading"):
        found = store.get([form for name in part for form in (name, names.old_of(name))])
        for name in part:
            if secret := found.get(name):
                keys[name] = _row(secret, index.read(store.name, name), found.get(names.old_of(name)))
    for name in sorted(set(wanted) - set(keys)):
        declare.echo(f"lkr: skipped {name}: the index lists it, but the {store.name} does not have it", err=True)
    plain = json.dumps({"form": _FORM, "keys": keys}).encode()
    if to:
        data = pyrage.encrypt(plain, to)
    else:
        prompt = "A passphrase for this file"
        passphrase = common.read_secret(prompt, True) if from_stdin else passphrases.new_passphrase(prompt)
        data = passphrase_file(plain, passphrase)
    common.log("backup", *keys, project="" if file == "-" else os.path.abspath(file))
    _write(file, data)
    where = "standard output" if file == "-" else show(file)
    declare.echo(f"lkr: wrote {common.count(len(keys), 'key', 'keys')} to {where}", err=True)


def _write(file: str, data: bytes) -> None:
    """Writes an encrypted backup to a private file, or with `-` to standard output."""
    if file == "-":
        declare.write(data)
        return
    try:
        files.replace_file(os.path.abspath(file), data, 0o600)
    except OSError as error:
        raise LkrError(f"cannot write {show(file)}: {error.strerror}") from None


@command.command("import", examples=("lkr vault import backup.age", "lkr vault import backup.age --force"))
@declare.argument("file", metavar="FILE")
@declare.option("--identity", metavar="PATH", help="The age or SSH private key that opens the file.")
@declare.option("--stdin", "from_stdin", is_flag=True, help="Read the passphrase from standard input.")
@declare.option("--force", is_flag=True, help="Replace keys that already have another value.")
def import_(file: str, identity: str | None, from_stdin: bool, force: bool) -> None:
    """Restore the keys from a backup. If a key has another value here, it stays, unless
    you add --force.

    A backup made for this machine's vault needs no --identity.
    """
    try:
        plain = _open(_content(file), identity, from_stdin)
    except (pyrage.DecryptError, pyrage.IdentityError):
        raise LkrError(
            "that passphrase or key does not open the file, or the file is damaged", "nothing was changed", LOCKED
        ) from None
    keys = _parse(plain)
    store = common.store()
    common.make_vault(store)
    present = store.get(list(keys))
    stored = kept = 0
    with common.logged("restore") as changed:
        for name in common.progress(list(keys), "storing"):
            secret, entry, old = keys[name]
            there = present.get(name)
            if there and (there.reveal(), there.kind) == (secret.reveal(), secret.kind):
                stored += 1
                continue
            if there and not force:
                declare.echo(f"lkr: kept {name}, which has another value here; --force replaces it", err=True)
                kept += 1
                continue
            changed.append(name)
            service.restore(store, entry, secret, old, replace=force)
            stored += 1
    declare.echo(f"lkr: stored {common.count(stored, 'key', 'keys')}, kept {kept}", err=True)


@command.command(
    "recipient", examples=("lkr vault recipient", 'lkr vault export keys.age --to "$(ssh laptop lkr vault recipient)"')
)
def recipient() -> None:
    """Print this vault's public key. Use it with `lkr vault export --to` on another machine. It is not secret."""
    declare.echo(common.vault().recipient())


@command.command("enroll", examples=("lkr vault enroll tpm", "lkr vault enroll ~/fido2-key.txt"))
@declare.argument("way", metavar="[WAY]", required=False)
@declare.option(
    "--stdin", "from_stdin", is_flag=True, help="Read the passphrase, and for a TPM the new PIN, line by line."
)
def enroll(way: str | None, from_stdin: bool) -> None:
    """Let a TPM, Touch ID or an age plugin open the store. The passphrase still opens it.

    WAY is tpm (asks for a PIN), touch-id (on macOS), or an identity file that a plugin, such as age-plugin-fido2-hmac,
    made. Without WAY, it shows what is enrolled.
    """
    store = enrollment.enrollable(common.store())
    if way is None:
        found = enrollment.way(store)
        what = f"{found.describe()} can open the {store.noun}, since {found.date}" if found else "nothing is enrolled"
        declare.echo(what)
        return
    found = _enroll(store, way, from_stdin)
    common.log("enroll")
    declare.echo(f"lkr: {found.describe()} can now open the {store.noun}; the passphrase still opens it", err=True)


def _enroll(store: "enrollment.Opened", way: str, from_stdin: bool) -> enrollment.Way:
    """Enrolls `way` (tpm, touch-id or a plugin's identity file) with the passphrase that the person gives."""
    identity = enrollment.plugin_identity(way) if way not in (enrollment.TPM, enrollment.TOUCH_ID) else ""
    pin = Secret("")
    if way == enrollment.TPM:
        tpm.check()  # before any question
    if from_stdin and way == enrollment.TPM:
        passphrase, pin = common.two_secrets()
        key = store.key_of(passphrase)
    else:
        key = passphrases.current(f"Passphrase of the {store.noun}", from_stdin, store.key_of)
    if identity:
        return enrollment.by_plugin(store, key, identity)
    if way == enrollment.TOUCH_ID:
        return enrollment.by_touch_id(store, key)
    pin = pin if from_stdin else Secret(ask.hidden("A new PIN for the TPM", twice=True))
    if len(pin.reveal()) < _SHORTEST_PIN:
        raise LkrError(f"a PIN has at least {_SHORTEST_PIN} characters", "nothing was changed", REFUSED)
    return enrollment.by_tpm(store, key, pin)


@command.command("unenroll", examples=("lkr vault unenroll", "lkr vault unenroll && lkr vault enroll tpm"))
def unenroll() -> None:
    """Make the passphrase the only way to open the store again."""
    if not enrollment.remove(common.store()):
        declare.echo("lkr: nothing was enrolled", err=True)
        return
    common.log("unenroll")
    declare.echo("lkr: only the passphrase opens it now", err=True)


@command.command("reset", examples=("lkr vault reset", "lkr vault reset --yes && lkr unlock"))
@declare.option("--yes", is_flag=True, help="Do not ask.")
def reset(yes: bool) -> None:
    """Start over after a lost passphrase. Sets the vault aside, so that the next lkr set creates a new one.

    Without the passphrase, nobody can open the old keys. They stay in a folder beside the vault, in case you remember
    it. Policies and grants stay too, and lkr doctor names the keys to store again.
    """
    chosen = common.vault()
    prompts.yes(f"Put the vault with {common.count(len(chosen.names()), 'key', 'keys')} aside and start over?", yes)
    aside = chosen.put_aside()
    enrollment.remove(chosen)
    generation.bump()
    common.log("lock")
    declare.echo(f"lkr: the old vault is now {show(aside)}; lkr unlock makes a new one", err=True)


@command.command("rekey", examples=("lkr vault rekey", "lkr vault rekey --stdin < passphrase"))
@declare.option("--stdin", "from_stdin", is_flag=True, help="Read the passphrase from standard input.")
def rekey(from_stdin: bool) -> None:
    """Give the vault a new identity, and encrypt every key to it. If this is interrupted, run it again.

    A backup that was made with --to for the vault's old public key can no longer be opened, so make a new one.
    """
    vault: Vault = common.vault()
    used = accepted.folders_by_recipient()
    folders = used.get(vault.recipient(), [])

    def renew(passphrase: Secret) -> int:
        count = vault.rekey(passphrase, lambda each: common.progress(each, "encrypting"), used)
        generation.bump()
        common.log("rekey")
        enrollment.renew(vault, passphrase)
        return count

    count = passphrases.current("Passphrase of the vault", from_stdin, renew)
    declare.echo(f"lkr: {common.count(count, 'key is', 'keys are')} encrypted to a new identity", err=True)
    if folders:
        what = f"keys in {common.some_folders(folders, 5)} are sealed to the old one, so the vault keeps it too"
        declare.echo(f'lkr: {what}; there, add the new one: lkr team add NAME "$(lkr vault recipient)"', err=True)


def _row(secret: Secret, entry: Entry | None, old: Secret | None) -> dict[str, object]:
    row: dict[str, object] = {"value": _encoded(secret), "kind": secret.kind}
    if old:
        row["old"] = _encoded(old)
    if entry:
        row |= {"created": entry.created, "ttl": entry.ttl, "agents": entry.agents, "only": list(entry.only)}
        row |= {"confirm": entry.confirm, "rotated": entry.rotated, "before": entry.before}
        row |= {field: getattr(entry, field) for field in ("via", *limits.FIELDS) if getattr(entry, field)}
    return row


def _encoded(secret: Secret) -> str:
    return base64.b64encode(secret.reveal().encode("utf-8", "surrogateescape")).decode()


def _parse(plain: bytes) -> dict[str, tuple[Secret, Entry, Secret | None]]:
    try:
        content = json.loads(plain)
        if content["form"] != _FORM:
            raise ValueError
        return {
            name: (_secret(row, "value"), _entry(name, row), _secret(row, "old") if "old" in row else None)
            for name, row in content["keys"].items()
            if names.is_own(name)
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise LkrError("this is not a backup that lkr made", "nothing was changed") from None


def _secret(row: dict[str, str], field: str) -> Secret:
    value = base64.b64decode(row[field])
    if row["kind"] not in KINDS or not value or b"\0" in value or len(value) > MAX_VALUE:
        raise ValueError
    return Secret(value.decode("utf-8", "surrogateescape"), row["kind"])


def _entry(name: str, row: dict[str, object]) -> Entry:
    entry = Entry(name, str(row["kind"]), _date(row, "created") or clock.now(), _date(row, "rotated"))
    entry.before, only = _date(row, "before"), row.get("only", [])
    entry.ttl, entry.agents = int(str(row.get("ttl", 0))), str(row.get("agents", "exec"))
    if not isinstance(only, list) or not 0 <= entry.ttl < MAX_TTL or entry.agents not in policy.AGENTS:
        raise ValueError
    entry.only, entry.confirm = tuple(str(folder) for folder in only), row.get("confirm", False) is True
    for field in limits.FIELDS:
        text = str(row.get(field, ""))
        if not limits.is_limit(field, text):
            raise ValueError
        setattr(entry, field, text)
    entry.via = str(row.get("via", ""))
    if entry.via not in policy.VIA:
        raise ValueError
    return entry


def _date(row: dict[str, object], field: str) -> str:
    """The date in `field`; empty if there is none."""
    date = str(row.get(field, ""))
    return date if clock.is_date(date) else ""


def _open(data: bytes, identity: str | None, from_stdin: bool) -> bytes:
    """Decrypts with an identity file, else with a passphrase or this machine's vault, depending on the file's
    header."""
    if identity:
        ask = functools.partial(common.read_secret, from_stdin=from_stdin)
        plain: bytes = pyrage.decrypt(data, age_keys.identities(_content(identity), show(identity), ask))
        return plain
    if b"\n-> scrypt " in data[:256]:
        return open_passphrase_file(data, common.read_secret("Passphrase of the file", from_stdin))
    store = registry.vault(config.load())
    if store and store.is_created():
        return store.open_file(data)
    raise LkrError("only a private key opens that file", "name it: --identity PATH")


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except OSError as error:
        raise LkrError(f"cannot read {show(path)}: {error.strerror}") from None
