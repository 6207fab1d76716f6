"""Recipients and identities of age files: age's X25519 keys, and SSH keys. Asks nobody and writes nothing.

The passphrase of an SSH key needs the extra `lkrshell[ssh]`, since the age library reads only keys without one.
"""

import pyrage

from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.secret import Secret
from lkrshell.stores.vault import open_passphrase_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Recipient: TypeAlias = pyrage.x25519.Recipient | pyrage.ssh.Recipient
    Identity: TypeAlias = pyrage.x25519.Identity | pyrage.ssh.Identity

_MADE_BY_AGE = b"age-encryption.org/"


def recipient(text: str) -> "Recipient":
    """The public key in `text`: `age1...`, or the line of a file such as id_ed25519.pub. LkrError (64) for others."""
    try:
        if not text.isprintable():  # the comment of an SSH key could control a terminal
            raise pyrage.RecipientError
        if text.startswith("ssh-"):
            return pyrage.ssh.Recipient.from_str(text)
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise LkrError("this is neither an age recipient nor an SSH public key", "nothing was written", USAGE) from None


def identities(data: bytes, where: str, passphrase: "Callable[[str], Secret]") -> "list[Identity]":
    """The private keys in the content of a file: SSH or age keys, with or without a passphrase.

    `where` names the file in messages, and `passphrase` asks for one, given what it is for. LkrError when there are
    none, or the passphrase is wrong.
    """
    if data.startswith(_MADE_BY_AGE):
        data = open_passphrase_file(data, passphrase(f"Passphrase of {where}"))
    if b"PRIVATE KEY" in data:
        return [_ssh(data, where, passphrase)]
    lines = [line for line in data.decode("ascii", "replace").splitlines() if line.startswith("AGE-SECRET-KEY-")]
    try:
        found: list[Identity] = [pyrage.x25519.Identity.from_str(line.strip()) for line in lines]
    except pyrage.IdentityError:
        raise LkrError(f"the age identity in {where} is damaged", "nothing was changed") from None
    if not found:
        raise LkrError(f"{where} holds no age or SSH identity", "nothing was changed")
    return found


def _ssh(data: bytes, where: str, passphrase: "Callable[[str], Secret]") -> "pyrage.ssh.Identity":
    try:
        return pyrage.ssh.Identity.from_buffer(data)
    except pyrage.IdentityError as error:
        if "decrypted" not in str(error):
            raise LkrError(f"{where} is not an SSH key that age can use", "use an ed25519 or RSA key") from None
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

        __import__("bcrypt")
    except ImportError:
        message = f"{where} has a passphrase, and lkr cannot open such keys here"
        raise LkrError(message, "install lkrshell[ssh]") from None
    try:
        key = serialization.load_ssh_private_key(data, passphrase(f"Passphrase of {where}").reveal().encode())
    except ValueError:
        raise LkrError(f"wrong passphrase for {where}", "nothing was changed") from None
    if not isinstance(key, ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey):
        raise LkrError(f"{where} is not an SSH key that age can use", "use an ed25519 or RSA key")
    form = serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    return pyrage.ssh.Identity.from_buffer(key.private_bytes(*form))
