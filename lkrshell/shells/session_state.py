"""Reads what the hooks keep in a shell's environment.

`LKR_STATE` holds words `VARIABLE=key`, or `VARIABLE=key=END` for a key with a time limit. It holds names only. Anybody
who sets variables may have written it, so words in another form are ignored.
"""

import os

OWN = ("LKR_STATE", "LKR_DIR", "LKR_KEYS", "LKR_DIRENV", "LKR_DIRENV_STATE", "LKR_ENDS")


def parse(text: str) -> dict[str, str]:
    """The state of each variable: `key`, or `key=END`."""
    pairs = (word.partition("=") for word in text.split(" "))
    return {variable: state for variable, equals, state in pairs if equals}


def key_of(state: str) -> str:
    """The key's name in a state."""
    return state.partition("=")[0]


def end_of(state: str, key: str) -> int:
    """When the time of `key` ends, in seconds since the epoch; 0 if the state is for another key or has no end."""
    loaded, _, end = state.partition("=")
    return int(end) if loaded == key and end.isascii() and end.isdecimal() and len(end) < 16 else 0


def loaded() -> dict[str, str]:
    """The keys that this shell has loaded, by variable."""
    return {variable: key_of(state) for variable, state in parse(os.environ.get("LKR_STATE", "")).items()}
