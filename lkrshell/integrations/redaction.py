"""Masks the values of this program's keys in what it shows: output, reports, tracebacks. Uses the matcher of lkr
redact.

It knows the values that lkr gave to this program, and those in key variables of its environment. It reads no other key
from the store. The values stay in memory while the program runs.
"""

import os

from lkrshell.api import keys
from lkrshell.core.secret import Secret
from lkrshell.scan import cut_off, values
from lkrshell.vendors import providers

_SHOWN = 16  # characters; the beginning of a value is masked, too, if it is this long
_PART = "[lkr part of a key]"


class Redactor:
    """Masks values in texts: `[lkr openai:prod]` replaces the value of that key."""

    def __init__(self) -> None:
        self._secrets: dict[str, Secret] = {}
        self.values = values.Values({})
        self._cut_off: cut_off.CutOff | None = None
        keys.given_to.append(self._learn)
        self.add_environment()

    def _learn(self, name: str, secret: Secret) -> None:
        self._add({name: secret})

    def add_environment(self) -> None:
        """Learns the present values of key variables in the environment."""
        known = {secret.reveal() for secret in self._secrets.values()}
        self._add(
            {
                variable: Secret(value)
                for variable, value in list(os.environ.items())
                if value not in known and providers.holds_a_key(variable, value)
            }
        )

    def add_kept(self, kept: dict[str, str]) -> None:
        """Learns the variables that the project wants and that were already set, under the names of their keys."""
        here = {variable: Secret(os.environ[variable]) for variable in kept if variable in os.environ}
        for variable, secret in here.items():
            if variable in self._secrets and self._secrets[variable].reveal() == secret.reveal():
                del self._secrets[variable]  # the mask shows the key's name instead
        for variable, secret in here.items():  # one by one, since two variables may have the same key
            self._add({kept[variable]: secret})

    def _add(self, fresh: dict[str, Secret]) -> None:
        """When a name's value has changed, keeps the old value too, since it may still be shown."""
        for name, secret in fresh.items():
            while name in self._secrets and self._secrets[name].reveal() != secret.reveal():
                name += " (old value)"
            if name not in self._secrets:
                self._secrets[name] = secret
                self.values = values.Values(self._secrets)

    def text(self, text: str) -> str:
        """Returns `text` with a mask in place of each value."""
        if not self.values:
            return text
        inner = values.Redactor(self.values)
        return self.shortened(_text(inner.feed(_bytes(text))) + _rest(inner))

    def shortened(self, text: str) -> str:
        """Returns `text` with a mask in place of what is left of a value that was shortened to `sk-proj-...3xYz`."""
        if "..." not in text and "…" not in text:
            return text
        parts = self._cut_off
        if parts is None or parts.of is not self.values:  # more values have been added since
            parts = self._cut_off = cut_off.CutOff(self.values)
        return _text(parts.masked(_bytes(text), _PART.encode()))


class Stream:
    """Output that arrives in pieces. What may be the beginning of a value waits for the next piece."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor, self._of, self._inner = redactor, redactor.values, values.Redactor(redactor.values)

    def feed(self, text: str) -> str:
        """Returns what can be shown now."""
        held = b""
        if self._of is not self._redactor.values:  # more values have been added since
            held = self._inner.rest()
            self._of, self._inner = self._redactor.values, values.Redactor(self._redactor.values)
        return self._redactor.shortened(_text(self._inner.feed(held + _bytes(text))))

    def rest(self) -> str:
        """Returns what waited, at the end."""
        return _rest(self._inner)


def _rest(inner: values.Redactor) -> str:
    """Returns what waited, at the end. A long beginning of a value is masked, because it is most of the value."""
    held = _text(inner.rest())
    return held if len(held) < _SHOWN else _PART


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def begin() -> Redactor:
    """Returns the one redactor of this program."""
    global _redactor
    if _redactor is None:
        _redactor = Redactor()
    return _redactor


_redactor: Redactor | None = None
