"""`lkr status --short`: one line for a prompt. It contains only names, and needs no command line library."""

import os

from lkrshell.core.binding import shown
from lkrshell.core.errors import LkrError, ManifestError, StoreLocked
from lkrshell.core.time_limit import TimeLimit
from lkrshell.project import lookup
from lkrshell.runtime import agents, session
from lkrshell.shells import session_state
from lkrshell.state import config
from lkrshell.stores import registry

_TIME_LIMIT = 0.5  # seconds for the store; a prompt is waiting


def line() -> str:
    """The names of the keys in this shell; in a project without keys, the reason; empty outside of projects."""
    folder = lookup.find(lookup.current_folder())
    if folder is None:
        return ""
    # Not whether the value is still the key's: that needs the store, for which no prompt should wait.
    held = [key for variable, key in session_state.loaded().items() if os.environ.get(variable)]
    by_direnv = [variable for variable in os.environ.get("LKR_DIRENV", "").split() if os.environ.get(variable)]
    if held and not by_direnv:
        return " ".join(dict.fromkeys(map(shown, held)))
    try:
        bindings = [binding for binding in session.bindings_at(folder, [])[1] if binding.scope == "shell"]
        if not bindings:
            return ""
        if by_direnv:
            return " ".join(dict.fromkeys(shown(binding.key) for binding in bindings if binding.variable in by_direnv))
        settings = config.load()
        with TimeLimit(_TIME_LIMIT):
            if registry.choose(settings).is_locked():
                return "locked"
        agent = agents.detect(dict(os.environ), agents.ancestors(), settings)
        return f"not loaded for {agent}" if agent else "not loaded"
    except ManifestError:
        return "not allowed"
    except StoreLocked:
        return "locked"
    except LkrError:
        return "unreachable"


def main() -> int:
    """Prints the line, if there is one. Always returns 0, as prompts expect."""
    if text := line():
        try:
            os.write(1, f"{text}\n".encode("utf-8", "surrogateescape"))
        except BrokenPipeError:
            pass  # nobody reads it
    return 0
