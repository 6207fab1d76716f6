"""What git says of a path. Asks git itself; without git, or outside a repository, there is nothing to say."""

import os
import subprocess


def _asks(path: str, *words: str) -> bool:
    """True when git, run in the path's folder, ends well. The repository's own settings start no program."""
    try:
        done = subprocess.run(
            ["git", "-C", os.path.dirname(os.path.abspath(path)), "-c", "core.fsmonitor=false", *words],
            capture_output=True, timeout=10, check=False,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def tracks(path: str) -> bool:
    """True when `path` is in the index."""
    return _asks(path, "ls-files", "--error-unmatch", "--", os.path.basename(path))


def sees(path: str) -> bool:
    """True when `path` lies in a repository and no .gitignore covers it."""
    return _asks(path, "rev-parse") and not _asks(path, "check-ignore", "-q", "--", os.path.basename(path))


def files(folder: str) -> list[str] | None:
    """What git knows below `folder` or would add, by names relative to it; None outside a repository."""
    try:
        done = subprocess.run(
            ["git", "-C", folder, "-c", "core.fsmonitor=false", "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"],
            capture_output=True, timeout=10, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return [os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
