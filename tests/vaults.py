"""Vaults whose passphrase costs little, for the tests.

lkr lets the age library choose how much work a passphrase costs: a second or two each time it is sealed or tried. The
file states that cost, and every reader follows it. So lkr, age and rage open a cheaply sealed identity like any other.
What the program itself seals takes that second, unless a test forked it (see `forked`), started it as SEALING_CHEAPLY,
or runs it on the stand-in for macOS. Source: https://c2sp.org/age, the scrypt recipient.
"""

import base64
import hashlib
import hmac
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pyrage
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

_LOG_N = 1  # two rounds; the library itself takes about 2**18
_LABEL = b"age-encryption.org/v1/scrypt"
_CHUNK = 1 << 16  # bytes of one encrypted chunk; `sealed` writes only one

SEALING_CHEAPLY = [sys.executable, __file__]  # use this instead of the program
SEALING = ("unlock", "passwd", "vault")  # the commands that may seal with a passphrase


def _plain_base64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _derived(key: bytes, salt: bytes, info: bytes) -> bytes:
    """Returns one block of HKDF with SHA-256."""
    return hmac.digest(hmac.digest(salt, key, "sha256"), info + b"\x01", "sha256")


def sealed(plain: bytes, passphrase: bytes) -> bytes:
    """Returns an age file of at most _CHUNK bytes, sealed with a passphrase."""
    salt, file_key, nonce = os.urandom(16), os.urandom(16), os.urandom(16)
    wrapping = hashlib.scrypt(passphrase, salt=_LABEL + salt, n=1 << _LOG_N, r=8, p=1, dklen=32)
    wrapped = ChaCha20Poly1305(wrapping).encrypt(bytes(12), file_key, None)
    head = b"age-encryption.org/v1\n-> scrypt %s %d\n%s\n---" % (_plain_base64(salt), _LOG_N, _plain_base64(wrapped))
    mac = hmac.digest(_derived(file_key, bytes(0), b"header"), head, "sha256")
    body = ChaCha20Poly1305(_derived(file_key, nonce, b"payload")).encrypt(bytes(11) + b"\x01", plain, None)
    return head + b" " + _plain_base64(mac) + b"\n" + nonce + body


def seal_cheaply(patch: Callable[[object, str, object], None] = setattr) -> None:
    """Makes lkr in this process seal cheaply, too. A test that calls this gives a `patch` that is undone."""
    dear = pyrage.passphrase.encrypt

    def encrypt(plain: bytes, passphrase: str) -> bytes:
        done: bytes = sealed(plain, passphrase.encode()) if len(plain) <= _CHUNK else dear(plain, passphrase)
        return done

    from lkrshell.stores import vault

    patch(pyrage.passphrase, "encrypt", encrypt)
    patch(vault, "_ENOUGH_WORK", _LOG_N)


def make(vault: Path, passphrase: bytes) -> str:
    """Makes a vault without keys, as `lkr unlock` does. Returns its identity."""
    fresh = pyrage.x25519.Identity.generate()
    vault.mkdir(mode=0o700, parents=True)
    vault.parent.chmod(0o700)
    _write_identity(vault, fresh, passphrase)
    return str(fresh)


def give_own_identity(vault: Path, old: str, passphrase: bytes) -> str:
    """Encrypts a copied vault to a new identity, and returns that. `old` is the one it had."""
    fresh = pyrage.x25519.Identity.generate()
    opener = pyrage.x25519.Identity.from_str(old)
    for path in vault.glob("keys/*/*.age"):
        status = path.stat()
        path.write_bytes(pyrage.encrypt(pyrage.decrypt(path.read_bytes(), [opener]), [fresh.to_public()]))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    _write_identity(vault, fresh, passphrase)
    return str(fresh)


def _write_identity(vault: Path, identity: pyrage.x25519.Identity, passphrase: bytes) -> None:
    for name, data in (
        ("identity.age", sealed(f"{identity}\n".encode(), passphrase)),
        ("recipient", f"{identity.to_public()}\n".encode()),
    ):
        (vault / name).touch(0o600)
        (vault / name).write_bytes(data)


if __name__ == "__main__":
    seal_cheaply()
    sys.argv[0] = str(Path(sys.executable).parent / "lkr")
    sys.path[0] = os.path.dirname(sys.argv[0])
    from lkrshell.__main__ import main

    main()
