"""Setting up a second way to open the store (`lkr vault enroll`): the passphrase and the new PIN that it needs."""

from lkrshell.cli import ask, common, passphrases
from lkrshell.core.errors import REFUSED, LkrError
from lkrshell.core.secret import Secret
from lkrshell.runtime import enrolled
from lkrshell.system import tpm

_LEAST = 4  # characters of a PIN


def enroll(store: "enrolled.Opened", way: str, from_stdin: bool) -> enrolled.Way:
    """Enrolls `way` (tpm, touch-id or a plugin's identity file) with the passphrase that the person gives."""
    identity = enrolled.plugin_identity(way) if way not in (enrolled.TPM, enrolled.TOUCH_ID) else ""
    pin = Secret("")
    if way == enrolled.TPM:
        tpm.check()  # before anything is asked
    if from_stdin and way == enrolled.TPM:
        passphrase, pin = common.two_secrets()
        key = store.key_of(passphrase)
    else:
        key = passphrases.current(f"Passphrase of the {store.noun}", from_stdin, store.key_of)
    if identity:
        return enrolled.by_plugin(store, key, identity)
    if way == enrolled.TOUCH_ID:
        return enrolled.by_touch_id(store, key)
    pin = pin if from_stdin else Secret(ask.hidden("A new PIN for the TPM", twice=True))
    if len(pin.reveal()) < _LEAST:
        raise LkrError(f"a PIN has at least {_LEAST} characters", "nothing was changed", REFUSED)
    return enrolled.by_tpm(store, key, pin)
