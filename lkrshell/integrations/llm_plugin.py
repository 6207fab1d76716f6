"""A plugin for `llm`: a model that finds no key gets the one of the project here.

llm has no hook for keys, so this stands before its function `get_key`. What `llm keys set` stored, and a variable that
is set, count first.
"""

import llm

import lkrshell

_get_key = llm.get_key


def get_key(*words: str | None, **more: str | None) -> str | None:
    """The key as llm finds it, looked for again once the project's keys are loaded."""
    found = _get_key(*words, **more)
    if found is None and lkrshell.load(required=False).loaded:
        found = _get_key(*words, **more)
    return found


llm.get_key = get_key
