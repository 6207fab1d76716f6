"""The project here and this shell: whether it is allowed, whether its keys are stored, and whether they are loaded."""

import os
from collections.abc import Iterator

from lkrshell.core.errors import LkrError
from lkrshell.core.text import quoted
from lkrshell.core.time_limit import TimeLimit
from lkrshell.core.want import Want
from lkrshell.doctor import Finding, fact, short, warning, wrong
from lkrshell.doctor.store import WAIT, in_force
from lkrshell.project import lookup
from lkrshell.runtime import agents, session
from lkrshell.shells import base, session_state
from lkrshell.shells.present import present
from lkrshell.state import config
from lkrshell.stores.base import Store


def project(fix: bool) -> Iterator[Finding]:
    """The manifest that serves this folder."""
    folder = lookup.find(lookup.current_folder())
    if folder is None:
        yield fact("no manifest here or above")
        return
    name = short(os.path.join(folder, lookup.MANIFEST))
    try:
        _, wants = session.wanted(folder, [])
    except LkrError as error:
        yield wrong(error.message, error.hint or f"lkr allow {quoted(folder)}")
        return
    yield fact(f"{name} is allowed")
    settings = config.load()
    try:
        with TimeLimit(WAIT):
            chosen, _ = in_force(settings)
            missing = [want for want in wants if chosen is None or not chosen.exists(want.key)]
    except LkrError:
        return  # `store` has said why
    for key in dict.fromkeys(want.key for want in missing if not want.optional):
        yield wrong(f"this project needs {key}, which is not stored", f"lkr set {key}")
    stored = [want for want in wants if want not in missing and want.scope == "shell"]
    if chosen is not None and stored:
        yield from _shell(chosen, stored, settings)


def _shell(chosen: "Store", wants: list[Want], settings: config.Config) -> Iterator[Finding]:
    """Whether this shell has what it should have; a locked store and a coding agent explain why not."""
    held = set(session_state.loaded())
    held.update(os.environ.get("LKR_DIRENV", "").split())
    lacking = [want.variable for want in wants if want.variable not in held]
    if not lacking or chosen.is_locked() or agents.detect(dict(os.environ), agents.ancestors(), settings):
        return
    shell = present()
    if shell in base.SHELLS:
        fix = base.dialect(shell).hook_line
        yield warning(f"this shell has not loaded {' '.join(lacking)}: its hook is not active", fix)
