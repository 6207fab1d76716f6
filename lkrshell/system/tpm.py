"""This machine's TPM 2.0, through tpm2-tools: it seals a few bytes behind a PIN, and gives them back for that PIN.

No other TPM opens what it sealed, and it counts wrong PINs: after some of them it refuses every PIN for a while. The
PIN and the bytes go to the tools through pipes and files in memory: never into an argument, never onto a disk.

Source: the manual pages of tpm2_createprimary, tpm2_create, tpm2_load and tpm2_unseal; "TPM 2.0 Library, Part 2:
Structures", 6.6 (TPM_RC) for the numbers of errors.
"""

import os
import re
import shutil
import subprocess
import tempfile

from lkrshell.core.errors import LOCKED, REFUSED, LkrError
from lkrshell.core.secret import Secret

_WAIT = 60  # seconds: a slow TPM takes several to make a key
_MOST = 128  # bytes that a TPM seals: MAX_SYM_DATA
_ATTRIBUTES = "fixedtpm|fixedparent|userwithauth"  # without `noda`, so that the TPM counts wrong PINs
_CODE = re.compile(rb"ERROR: \w+\(0x([0-9A-Fa-f]+)\)")
_FORMAT_1 = 0x80  # the bit of errors about an argument; the lowest six bits are the error's number
_AUTH_FAIL, _BAD_AUTH, _INTEGRITY, _LOCKOUT = 0x0E, 0x22, 0x1F, 0x921


class WrongPin(LkrError):
    """The PIN is wrong."""

    code = LOCKED


class NoTpm(LkrError):
    """There is no TPM that answers us."""


def check() -> None:
    """Returns if a TPM answers; else raises NoTpm."""
    _run("getcap", ["properties-fixed"])


def seal(data: bytes, pin: Secret) -> list[bytes]:
    """Seals `data`, at most 128 bytes. Returns what `unseal` needs besides the PIN; none of it is secret. Raises
    NoTpm."""
    if len(data) > _MOST:
        raise ValueError("more than a TPM seals")
    with tempfile.TemporaryDirectory() as folder:
        primary = _primary(folder)
        public, private = os.path.join(folder, "public"), os.path.join(folder, "private")
        words = ["-C", primary, "-i", "-", "-u", public, "-r", private, "-a", _ATTRIBUTES]
        _run("create", words, pin, data)
        return [_read(public), _read(private)]


def unseal(parts: list[bytes], pin: Secret) -> bytes:
    """Returns the sealed data. Raises WrongPin, NoTpm, or LkrError if this TPM is locked, was cleared, or did not seal
    it."""
    with tempfile.TemporaryDirectory() as folder:
        primary, sealed = _primary(folder), os.path.join(folder, "sealed")
        paths = [os.path.join(folder, name) for name in ("public", "private")]
        for path, data in zip(paths, parts, strict=True):
            with open(path, "wb") as file:
                file.write(data)
        _run("load", ["-Q", "-C", primary, "-u", paths[0], "-r", paths[1], "-c", sealed])
        return _run("unseal", ["-c", sealed], pin)


def _primary(folder: str) -> str:
    """The key that seals: the TPM makes the same one each time, from a seed that it renews when it is cleared."""
    path = os.path.join(folder, "primary")
    _run("createprimary", ["-Q", "-C", "o", "-G", "ecc", "-c", path])
    return path


def _run(name: str, words: list[str], pin: Secret | None = None, data: bytes = b"") -> bytes:
    """Runs a tool. Returns what it prints."""
    program = shutil.which(f"tpm2_{name}")
    if program is None:
        raise NoTpm("lkr reaches a TPM through tpm2-tools, which are not installed", "install the package tpm2-tools")
    pin_file = os.memfd_create("pin") if pin else -1
    try:
        if pin:
            os.write(pin_file, pin.reveal().encode("utf-8", "surrogateescape"))
            words = [*words, "-p", f"file:/dev/fd/{pin_file}"]
        done = subprocess.run(
            [program, *words], input=data, capture_output=True, timeout=_WAIT, pass_fds=[pin_file] if pin else []
        )
    except subprocess.TimeoutExpired:
        raise NoTpm("the TPM does not answer", "try again") from None
    finally:
        if pin:
            os.close(pin_file)
    if done.returncode:
        raise _problem(done.stderr)
    return done.stdout


def _problem(text: bytes) -> LkrError:
    codes = [int(code, 16) for code in _CODE.findall(text)]
    code = codes[-1] if codes else 0
    number = code & 0x3F if code & _FORMAT_1 else -1
    if number in (_AUTH_FAIL, _BAD_AUTH):
        return WrongPin("that is not the PIN", "after some wrong ones, the TPM refuses every PIN for a while")
    if number == _INTEGRITY:
        return LkrError("this TPM was cleared, or another one sealed it", "lkr vault enroll tpm")
    if code == _LOCKOUT:
        return LkrError("the TPM refuses every PIN for a while, after too many wrong ones", "wait", REFUSED)
    if codes:
        return NoTpm(f"the TPM reports an error (0x{code:x})", f"tpm2_rc_decode 0x{code:x} explains it")
    if b"Permission denied" in text or b"errno 13" in text:
        hint = "join the group of /dev/tpmrm0, often tss: sudo usermod -aG tss $USER; then log in again"
        return NoTpm("you may not use this machine's TPM", hint)
    return NoTpm("this machine has no TPM 2.0 that answers", "ls -l /dev/tpmrm0")


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
