"""Git worktrees: a grant given with `lkr allow --worktrees` in a repository serves its linked worktrees too.

Git describes a worktree in two places that name each other: the file `.git` in the worktree, and the folder
`worktrees/NAME` of the repository. Both must agree and belong to the user, and no symbolic link may be on the way. So
somebody who can write only one of them gains nothing. This reads a few small files and does not start git. An export
loads it only for a folder without a matching grant of its own.
"""

import os
import stat

from lkrshell.core.errors import USAGE, LkrError, ManifestError
from lkrshell.core.folders import above
from lkrshell.core.text import quoted, show
from lkrshell.project import grants, lookup

_LIMIT = 8192  # bytes; each file holds one path


class Repository:
    """The repository of a real folder. `common`: its git folder. `top`: the top of the checkout. `linked`: that
    checkout is a linked worktree. `main`: the main checkout or, in a bare repository, the git folder."""

    __slots__ = ("common", "linked", "main", "top")

    def __init__(self, common: str, top: str, linked: bool) -> None:
        self.common, self.top, self.linked = common, top, linked
        self.main = os.path.dirname(common) if os.path.basename(common) == ".git" else common

    def home(self, real: str) -> str:
        """The folder at the same place in the main checkout, whose grant can serve `real` in every worktree."""
        return os.path.normpath(os.path.join(self.main, os.path.relpath(real, self.top)))


def repository(real: str) -> Repository | None:
    """The repository of the nearest checkout around `real`; None outside a checkout or if the records do not agree."""
    for folder in above(real):
        path = os.path.join(folder, ".git")
        if os.path.lexists(path):
            if _is_ours(path):
                return Repository(path, folder, linked=False)
            common = _linked(folder)
            return Repository(common, folder, linked=True) if common else None
        if os.path.lexists(os.path.join(folder, "HEAD")) and os.path.isdir(os.path.join(folder, "worktrees")):
            return Repository(folder, folder, linked=False)  # bare
    return None


def home_of(real: str) -> str:
    """Returns the folder that stands for `real` in all worktrees of its repository: the one at the same place in the
    main checkout. Outside a linked worktree, returns `real`."""
    found = repository(real)
    return found.home(real) if found and found.linked else real


def shared_grant(place: lookup.Place) -> grants.Grant | None:
    """The grant of the main checkout that serves the linked worktree at `place`, rewritten for this folder; else None.

    A worktree without a `.lkr.local.toml` gets what the main checkout's local file said when it was allowed.
    """
    found = repository(place.real)
    if found is None or not found.linked:
        return None
    home = found.home(place.real)
    given = grants.read(home)
    if given is None or not given.worktrees:
        return None
    if place.text != given.text or place.local not in (lookup.ABSENT, given.local):
        return None
    return grants.Grant(
        place.real,
        place.text,
        place.local,
        given.inherit,
        given.profile,
        given.bindings,
        given.allowed,
        given.let_in,
        of=home,
        require_all=given.require_all,
    )


def served(home: str) -> list[str]:
    """The real folders in worktrees that the grant of `home` currently serves."""
    found = []
    for each in registered(home):
        try:
            given = shared_grant(lookup.Place(each))
        except LkrError:
            continue
        found += [each] if given and given.of == home else []
    return found


def registered(real: str) -> list[str]:
    """The folders at the same place as `real` in the linked worktrees of its repository, without `real` itself."""
    repo = repository(real)
    if repo is None:
        return []
    root = os.path.join(repo.common, "worktrees")
    try:
        names = sorted(os.listdir(root))
    except OSError:
        return []
    tops = [os.path.dirname(_points(os.path.join(root, name), "gitdir")) for name in names]
    inside = os.path.relpath(real, repo.top)
    found = [os.path.normpath(os.path.join(top, inside)) for top in tops if top and _linked(top) == repo.common]
    return [folder for folder in dict.fromkeys(found) if folder != real]


def target(place: lookup.Place) -> lookup.Place:
    """Where to put the grant for all worktrees: at `place` or, for a linked worktree, in the main checkout.

    LkrError if there is no repository, or if the main checkout has a different manifest.
    """
    repo = repository(place.real)
    if repo is None:
        hint = "run lkr allow without --worktrees"
        raise LkrError(f"{show(place.real)} is not in a git repository with consistent records", hint, USAGE)
    if not repo.linked:
        return place
    home = repo.home(place.real)
    main = lookup.Place(home)
    texts = (main.text, main.local)
    if main.real != home or texts not in ((place.text, place.local), (lookup.ABSENT, lookup.ABSENT)):
        message = f"the main checkout and this worktree have different manifests: {show(home)}"
        raise ManifestError(message, f"lkr allow --worktrees {quoted(home)}, or lkr allow for this one alone")
    main.text, main.local = place.text, place.local
    return main


def granted(real: str) -> list[str]:
    """The folders whose grants serve `real`: its own and, in a worktree, the one that serves all worktrees."""
    folders = [real]
    repo = repository(real)
    if repo and repo.linked:
        try:
            given = grants.read(repo.home(real))
        except ManifestError:
            given = None  # this grant serves no folder
        folders += [given.real] if given and given.worktrees else []
    return folders


def _linked(top: str) -> str | None:
    """The git folder of the repository of the linked worktree `top`; None unless both name each other."""
    path = os.path.join(top, ".git")
    admin = _points(top, ".git", "gitdir: ")
    root = os.path.dirname(admin)
    common = os.path.dirname(root)
    if os.path.basename(root) != "worktrees" or os.path.realpath(admin) != admin or os.path.realpath(top) != top:
        return None
    if _points(admin, "gitdir") != path or _points(admin, "commondir") != common:
        return None
    return common if all(_is_ours(each) for each in (top, admin, root, common)) else None


def _points(folder: str, name: str, head: str = "") -> str:
    """The absolute path in the one-line file `name` of `folder`; empty if it is another kind of file, or not the
    user's."""
    try:
        fd = os.open(os.path.join(folder, name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        info = os.fstat(fd)
        if not stat.S_ISREG(info.st_mode) or info.st_uid != os.getuid() or info.st_mode & 0o002:
            return ""
        text = os.read(fd, _LIMIT).decode("utf-8", "surrogateescape").removesuffix("\n")
    except OSError:
        return ""
    finally:
        os.close(fd)
    if not text.startswith(head) or not text[len(head) :] or "\n" in text or "\0" in text:
        return ""
    return os.path.normpath(os.path.join(folder, text[len(head) :]))


def _is_ours(path: str) -> bool:
    """True for a folder that belongs to the user and is not writable for everyone."""
    try:
        info = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(info.st_mode) and info.st_uid == os.getuid() and not info.st_mode & 0o002
