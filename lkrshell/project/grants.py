"""Grants: the user's record that one manifest content, at one real path, may have the keys that it lists.

A grant holds both texts and their parsed form, so that entering needs no TOML parser. The first format allowed more
names, so the names in such a grant are checked again.
"""

import os

from lkrshell.core import records
from lkrshell.core.binding import Binding
from lkrshell.core.errors import ManifestError
from lkrshell.core.policy import VIA
from lkrshell.core.text import quoted, show
from lkrshell.project import lookup
from lkrshell.state import files, paths

_MAGIC, _FIRST = "lkr-grant-2", "lkr-grant-1"


class Grant:
    """What was allowed: the texts (in the form of lookup.Place) and what they ask for.

    `let_in` are variables that do not look like a secret's, which the person accepted. With `worktrees`, the grant also
    serves the linked worktrees of the repository; in one of those, `of` is the folder that has the grant. With
    `require_all`, no key is loaded while one is missing.
    """

    __slots__ = (
        "allowed", "bindings", "inherit", "let_in", "local", "of", "profile", "real", "require_all", "text",
        "worktrees",
    )  # fmt: skip

    def __init__(
        self, real: str, text: str, local: str, inherit: bool, profile: str, bindings: tuple[Binding, ...],
        allowed: str, let_in: "tuple[str, ...] | list[str]" = (), worktrees: bool = False, of: str = "",
        require_all: bool = False,
    ) -> None:  # fmt: skip
        self.real, self.text, self.local = real, text, local
        self.inherit, self.profile, self.bindings, self.allowed = inherit, profile, bindings, allowed
        self.let_in, self.worktrees, self.of, self.require_all = tuple(let_in), worktrees, of, require_all

    def covers(self, place: lookup.Place) -> bool:
        """True when it was given for exactly this content at exactly this real path."""
        return (self.real, self.text, self.local) == (place.real, place.text, place.local)


def path_of(real: str) -> str:
    return os.path.join(paths.grants_dir(), records.digest(os.fsencode(real)))


def read(real: str) -> Grant | None:
    """The grant for this real folder; None if there is none. ManifestError if its file is damaged."""
    data = files.read_private(path_of(real))
    if data is None:
        return None
    try:
        (magic,), (_, path), (_, text), (_, local), (_, inherit), (_, profile), (_, allowed), *rest = records.load(data)
        if magic not in (_MAGIC, _FIRST) or path != real:
            raise ValueError("not this grant")
        let_in = worktrees = require = ""
        if magic == _MAGIC:
            (_, let_in), (_, worktrees), (_, require), *rest = rest
        bindings = tuple(
            Binding(variable, key, optional == "1", scope, profile, *more)
            for _, profile, variable, key, optional, scope, *more in rest
        )
        if any(len(row) not in (6, 11) for row in rest) or any(binding.via not in VIA for binding in bindings):
            raise ValueError("not a line of ours")
    except (ValueError, TypeError):
        raise ManifestError(f"the grant for {show(real)} is damaged", "allow it again: lkr allow") from None
    if magic == _FIRST:
        _check_names(real, bindings)
    return Grant(
        real,
        text,
        local,
        inherit == "1",
        profile,
        bindings,
        allowed,
        let_in.split(),
        worktrees == "1",
        "",
        require == "all",
    )


def _check_names(real: str, bindings: tuple[Binding, ...]) -> None:
    """ManifestError if a grant of the first format has a variable or a command that manifests may no longer name."""
    from lkrshell.core.variables import ends_like_a_secret, steers_programs

    for binding in bindings:
        bad = "" if ends_like_a_secret(binding.variable) and not steers_programs(binding.variable) else binding.variable
        if bad:  # imported late, since reading the providers takes time
            from lkrshell.vendors.providers import refusal

            bad = bad if refusal(bad) else ""
        if binding.commands:
            from lkrshell.core.names import is_command

            bad = bad or next((each for each in binding.commands if not is_command(each)), "")
        if bad:
            message = f"{show(real)} was allowed by an earlier lkr, which accepted {show(bad)}"
            raise ManifestError(message, f"review it again: lkr allow {quoted(real)}")


def in_force(place: lookup.Place) -> Grant | None:
    """The grant for this folder: its own, or in a git worktree the one of the main checkout if that serves worktrees.

    If neither covers the current content, the folder's own grant is returned.
    """
    own = read(place.real)
    if own is not None and own.covers(place):
        return own
    from lkrshell.project import worktrees

    return worktrees.shared_grant(place) or own


def write(grant: Grant) -> None:
    rows: list[tuple[str, ...]] = [
        (_MAGIC,),
        ("folder", grant.real),
        ("manifest", grant.text),
        ("local", grant.local),
        ("inherit", "1" if grant.inherit else ""),
        ("profile", grant.profile),
        ("allowed", grant.allowed),
        ("variables", " ".join(grant.let_in)),
        ("worktrees", "1" if grant.worktrees else ""),
        ("require", "all" if grant.require_all else ""),
    ]
    files.write_private(path_of(grant.real), records.dump(rows + [binding.row() for binding in grant.bindings]))


def remove(real: str) -> bool:
    return files.remove_private(path_of(real))


def _denied(real: str) -> str:
    return os.path.join(paths.data_dir(), "denied", os.path.basename(path_of(real)))


def note_denied(real: str, denied: bool) -> None:
    """Notes, or forgets, that the person denied the project, so that nobody is told that it is `not allowed yet`."""
    if denied:
        files.write_private(_denied(real), b"")
    else:
        files.remove_private(_denied(real))


def was_denied(real: str) -> bool:
    return os.path.exists(_denied(real))
