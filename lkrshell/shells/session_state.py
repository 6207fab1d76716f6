"""Reads what the hooks keep in a shell's environment.

`LKR_STATE` holds words `VARIABLE=key`, or `VARIABLE=key=END` for a key with a time limit. It holds names only. Anybody
who sets variables may have written it, so words in another form are ignored.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import MutableMapping

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


def strip(environment: "MutableMapping[bytes, bytes]") -> None:
    """Takes an environment back to what it was before the hook, or direnv's `use lkr`, loaded keys into it."""
    from lkrshell.shells import direnv_state

    of_hook = parse(environment.get(b"LKR_STATE", b"").decode("utf-8", "surrogateescape"))
    of_direnv = os.fsdecode(environment.get(b"LKR_DIRENV", b"")).split()
    before = direnv_state.previous(os.fsdecode(environment.get(b"DIRENV_DIFF", b""))) if of_direnv else {}
    for variable in {*of_hook, *of_direnv}:
        name = os.fsencode(variable)
        environment.pop(name, None)
        old = environment.pop(b"LKR_OLD_" + name, None)
        if old is not None:
            environment[name] = old
        elif variable in before and variable not in of_hook:
            environment[name] = os.fsencode(before[variable])
    # direnv keeps the values in DIRENV_DIFF, so its own variables are removed too.
    for name in [name for name in environment if os.fsdecode(name) in OWN or name.startswith(b"DIRENV_")]:
        del environment[name]
