"""The project here and this shell: whether it is allowed, whether its keys are stored, and whether they are loaded."""

import os
from collections.abc import Iterator

from lkrshell.core.binding import Binding
from lkrshell.core.binding import shown as key_shown
from lkrshell.core.errors import LkrError
from lkrshell.core.text import quoted
from lkrshell.core.time_limit import TimeLimit
from lkrshell.doctor import Finding, fact, shown, warning, wrong
from lkrshell.doctor.store import WAIT, in_force
from lkrshell.project import lookup
from lkrshell.runtime import agents, obstacles, session
from lkrshell.shells import base, session_state
from lkrshell.shells.current_shell import current_shell
from lkrshell.state import config
from lkrshell.stores.base import Store


def project(fix: bool) -> Iterator[Finding]:
    """The manifest that serves this folder."""
    folder = lookup.find(lookup.current_folder())
    if folder is None:
        yield fact("no manifest here or above")
        return
    name = shown(os.path.join(folder, lookup.MANIFEST))
    try:
        chain, bindings = session.bindings_at(folder, [])
    except LkrError as error:
        yield wrong(error.message, error.hint or f"lkr allow {quoted(folder)}")
        return
    yield fact(f"{name} is allowed")
    settings = config.load()
    try:
        with TimeLimit(WAIT):
            chosen, _ = in_force(settings)
            missing = [binding for binding in bindings if chosen is None or not chosen.exists(binding.key)]
    except LkrError:
        return  # `store` reports why
    for key in dict.fromkeys(binding.key for binding in missing if not binding.optional):
        command = session.remedy(key)
        yield wrong(f"this project needs {key_shown(key)}, which is not stored", command)
    stored = [binding for binding in bindings if binding not in missing]
    if chosen is None or not stored:
        return
    blocked = obstacles.find(chosen, stored, chain[0].real)
    for obstacle in {each.reason: each for each in blocked.values()}.values():
        yield (wrong if obstacle.blocks else fact)(obstacle.reason, obstacle.fix)
    loading = [binding for binding in stored if binding.scope == "shell"]
    if any(each.blocks == "shell" for each in blocked.values()):
        return  # then no key loads
    if loading := [binding for binding in loading if binding.variable not in blocked]:
        yield from _shell(chosen, loading, settings)


def _shell(chosen: "Store", bindings: list[Binding], settings: config.Config) -> Iterator[Finding]:
    """Whether this shell has what it should have. A locked store or a coding agent may be the reason why not."""
    held = set(session_state.loaded())
    held.update(os.environ.get("LKR_DIRENV", "").split())
    lacking = [binding.variable for binding in bindings if binding.variable not in held]
    if not lacking or chosen.is_locked() or agents.detect(dict(os.environ), agents.ancestors(), settings):
        return
    shell = current_shell()
    if shell in base.SHELLS:
        fix = base.dialect(shell).hook_line
        yield warning(f"this shell has not loaded {' '.join(lacking)}: its hook is not active", fix)
