"""`lkr vault`: backup of all keys to one age file, and a new identity."""

import base64
import json
import os

import click
import pyrage

from lkrshell import files, generation, index, names
from lkrshell.commands import common
from lkrshell.errors import LkrError
from lkrshell.secret import KINDS, Secret
from lkrshell.stores.vault import Vault, open_passphrase_file

_FORM = "lkr-backup-1"


@click.group("vault")
def command() -> None:
    """Back the keys up to one age file, read such a file, or give the vault a new identity."""


@command.command("export")
@click.argument("file")
@click.option(
    "--to", "recipients", multiple=True, metavar="RECIPIENT", help="An age or SSH public key; may be repeated."
)
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the file's passphrase from standard input.")
def export(file: str, recipients: tuple[str, ...], from_stdin: bool) -> None:
    """Write every key, admin ones too, to the age file FILE: under a passphrase of its own, or to RECIPIENTs."""
    store = common.store()
    listed = store.names()
    wanted = sorted({*index.names(store.name), *(listed or ())})
    secrets = store.get(wanted)
    keys = {
        name: {
            "value": base64.b64encode(secret.reveal().encode("utf-8", "surrogateescape")).decode(),
            "kind": secret.kind,
        }
        for name, secret in secrets.items()
    }
    plain = json.dumps({"form": _FORM, "keys": keys}).encode()
    if recipients:
        data = pyrage.encrypt(plain, [_recipient(text) for text in recipients])
    else:
        passphrase = common.read_secret("A passphrase for this file", from_stdin, twice=True)
        data = pyrage.passphrase.encrypt(plain, passphrase.reveal())
    if os.path.lexists(file):
        raise LkrError(f"{files.show(file)} is there already", "choose another name; nothing was written")
    path = os.path.abspath(file)
    try:
        files.replace_file(path, data, 0o600, *os.path.split(path))
    except OSError as error:
        raise LkrError(f"cannot write {files.show(file)}: {error.strerror}") from None
    common.log("backup", *keys)
    click.echo(f"lkr: wrote {len(keys)} keys to {files.show(file)}", err=True)


@command.command("import")
@click.argument("file")
@click.option("--identity", metavar="PATH", help="The age or SSH private key that opens the file.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the file's passphrase from standard input.")
@click.option("--force", is_flag=True, help="Replace keys that are there with another value.")
def import_(file: str, identity: str | None, from_stdin: bool, force: bool) -> None:
    """Store the keys of FILE, as `lkr vault export` wrote it. Keys that differ here are kept, unless --force."""
    try:
        with open(file, "rb") as stream:
            data = stream.read()
        if identity:
            plain = pyrage.decrypt(data, [_identity(identity)])
        else:
            plain = open_passphrase_file(data, common.read_secret("Passphrase of the file", from_stdin))
    except OSError as error:
        raise LkrError(f"cannot read {files.show(error.filename or file)}: {error.strerror}") from None
    except (pyrage.DecryptError, pyrage.IdentityError):
        raise LkrError("that does not open the file, or it is damaged", "nothing was changed", 77) from None
    keys = _parse(plain)
    store = common.store()
    present = store.get(list(keys))
    stored = kept = 0
    for name, secret in keys.items():
        there = present.get(name)
        if there and (there.reveal(), there.kind) != (secret.reveal(), secret.kind) and not force:
            click.echo(f"lkr: {name} differs here, kept; --force replaces it", err=True)
            kept += 1
            continue
        store.set(name, secret)
        old = index.read(store.name, name)
        index.write(store.name, old or index.Entry(name, secret.kind, common.now()))
        stored += 1
    generation.bump()
    click.echo(f"lkr: stored {stored} keys, kept {kept}", err=True)


@command.command("rekey")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the passphrase from standard input.")
def rekey(from_stdin: bool) -> None:
    """Give the vault a new identity and encrypt every key to it. Stopped in the middle, run it again."""
    vault: Vault = common.vault()
    count = vault.rekey(common.read_secret("Passphrase of the vault", from_stdin))
    generation.bump()
    click.echo(f"lkr: {count} keys are encrypted to a new identity", err=True)


def _parse(plain: bytes) -> dict[str, Secret]:
    try:
        content = json.loads(plain)
        if content["form"] != _FORM:
            raise ValueError
        return {
            name: Secret(base64.b64decode(key["value"]).decode("utf-8", "surrogateescape"), key["kind"])
            for name, key in content["keys"].items()
            if names.is_key(name) and key["kind"] in KINDS
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LkrError("that is no backup of lkr's", "nothing was changed") from None


def _recipient(text: str) -> "pyrage.x25519.Recipient | pyrage.ssh.Recipient":
    try:
        return (
            pyrage.ssh.Recipient.from_str(text) if text.startswith("ssh-") else pyrage.x25519.Recipient.from_str(text)
        )
    except pyrage.RecipientError:
        raise LkrError("that is no age recipient and no SSH public key", "nothing was written") from None


def _identity(path: str) -> "pyrage.x25519.Identity | pyrage.ssh.Identity":
    with open(path, "rb") as stream:
        data = stream.read()
    if b"PRIVATE KEY" in data:
        return pyrage.ssh.Identity.from_buffer(data)
    lines = [line for line in data.decode("ascii", "replace").splitlines() if line.startswith("AGE-SECRET-KEY-")]
    if not lines:
        raise LkrError(f"{files.show(path)} holds no age or SSH identity", "nothing was changed")
    return pyrage.x25519.Identity.from_str(lines[0])
