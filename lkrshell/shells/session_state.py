"""What the hooks keep in a shell's environment: `LKR_STATE`, words `VARIABLE=key`, or `VARIABLE=key=END` for a key that
has an end. It holds names only. Whoever sets variables may have written it, so a word of another form is passed over.
"""

import os

OWN = ("LKR_STATE", "LKR_DIR", "LKR_KEYS", "LKR_DIRENV", "LKR_DIRENV_STATE", "LKR_ENDS")


def parse(text: str) -> dict[str, str]:
    """By variable, its state: `key`, or `key=END`."""
    pairs = (word.partition("=") for word in text.split(" "))
    return {variable: state for variable, equals, state in pairs if equals}


def key_of(state: str) -> str:
    """The key's name in a state."""
    return state.partition("=")[0]


def end_of(state: str, key: str) -> int:
    """When the time of `key` ends, in seconds since the epoch; 0 when the state is another key's or has no end."""
    loaded, _, end = state.partition("=")
    return int(end) if loaded == key and end.isascii() and end.isdecimal() and len(end) < 16 else 0


def loaded() -> dict[str, str]:
    """The keys that this shell has loaded, by variable."""
    return {variable: key_of(state) for variable, state in parse(os.environ.get("LKR_STATE", "")).items()}
