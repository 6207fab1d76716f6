"""A plugin for `llm`: a model without a key gets the project's key.

llm has no hook for keys, so this wraps its function `get_key`. A key stored by `llm keys set` and a variable that is
set come first.
"""

import llm

import lkrshell

_get_key = llm.get_key


def get_key(*words: str | None, **more: str | None) -> str | None:
    """Returns the key that llm finds. If it finds none, loads the project's keys and asks llm again."""
    found = _get_key(*words, **more)
    if found is None and lkrshell.load(required=False).loaded:
        found = _get_key(*words, **more)
    return found


llm.get_key = get_key
