"""`use lkr` and our own hook beside it: what the one tells the other. Loaded by `lkr export` only beside direnv.

`use lkr` has direnv set LKR_DIRENV_STATE: words `until=TIME`, and `VARIABLE=key=END` for a key with a ttl. Our hook
keeps these ends in LKR_ENDS, which is not direnv's, so that a reload does not start a key's time anew. When a time is
over, it has direnv reload. Both variables hold names and times only.
"""

import os


def for_direnv(now: dict[str, str], until: str) -> list[tuple[str, str]]:
    """The variables that `use lkr` has direnv set beside the keys, with their values."""
    words = [f"until={until}"] + [f"{variable}={state}" for variable, state in now.items() if "=" in state]
    return [("LKR_DIRENV", " ".join(now)), ("LKR_DIRENV_STATE", " ".join(words))]


def key_ends() -> dict[str, str]:
    """`key=END` by variable, as far as this shell knows of them."""
    words = f"{os.environ.get('LKR_ENDS', '')} {os.environ.get('LKR_DIRENV_STATE', '')}".split()
    pairs = (word.partition("=") for word in words)
    return {variable: state for variable, _, state in pairs if variable.isupper() and "=" in state}


def for_hook(clock: int) -> tuple[list[tuple[str, str]], str]:
    """The variables that our hook sets in a shell whose keys are direnv's, and the time of its next look."""
    out = []
    if kept := key_ends():
        out.append(("LKR_ENDS", " ".join(f"{variable}={state}" for variable, state in kept.items())))
    first = os.environ.get("LKR_DIRENV_STATE", "").partition(" ")[0].removeprefix("until=")
    if not first.isdecimal() or len(first) > 15:
        return out, ""
    if int(first) > clock:
        return out, first
    if os.environ.get("LKR_HAS_DIRENV"):  # direnv takes files it cannot make sense of for changed ones, and reloads
        out.append(("DIRENV_WATCHES", ""))
    return out, ""
