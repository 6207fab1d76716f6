"""The variables by which direnv's `use lkr` and our own hook inform each other, in a shell that has both.

`use lkr` makes direnv set LKR_DIRENV_STATE: words `until=TIME`, and `VARIABLE=key=END` for a key with a time limit. Our
hook copies these ends to LKR_ENDS, which direnv does not touch, so that a reload does not restart a key's time. When a
key's time is up, the hook makes direnv reload. Both variables hold only names and times.
"""

import os


def for_direnv(now: dict[str, str], until: str) -> list[tuple[str, str]]:
    """The variables, with values, that `use lkr` makes direnv set in addition to the keys."""
    words = [f"until={until}"] + [f"{variable}={state}" for variable, state in now.items() if "=" in state]
    return [("LKR_DIRENV", " ".join(now)), ("LKR_DIRENV_STATE", " ".join(words))]


def key_ends() -> dict[str, str]:
    """`key=END` for each variable whose key has a time limit in this shell."""
    words = f"{os.environ.get('LKR_ENDS', '')} {os.environ.get('LKR_DIRENV_STATE', '')}".split()
    pairs = (word.partition("=") for word in words)
    return {variable: state for variable, _, state in pairs if variable.isupper() and "=" in state}


def for_hook(clock: int) -> tuple[list[tuple[str, str]], str]:
    """The variables that our hook sets when direnv loaded the keys, and the time when it has to check again."""
    out = []
    if kept := key_ends():
        out.append(("LKR_ENDS", " ".join(f"{variable}={state}" for variable, state in kept.items())))
    first = os.environ.get("LKR_DIRENV_STATE", "").partition(" ")[0].removeprefix("until=")
    if not first.isdecimal() or len(first) > 15:
        return out, ""
    if int(first) > clock:
        return out, first
    if os.environ.get("LKR_HAS_DIRENV"):  # direnv cannot read this value, so it sees a change and reloads
        out.append(("DIRENV_WATCHES", ""))
    return out, ""
