"""What a project declares not to be a key: `.lkr-scan-ignore`, and marks in lines.

They are meant for examples. Neither of them hides a stored value, so a project cannot keep a person's key out of a
report.
"""

import fnmatch
import os

from lkrshell.core.errors import LkrError
from lkrshell.project import project_files

FILE = ".lkr-scan-ignore"
INLINE = (b"lkr-scan: ignore", b"gitleaks:allow", b"betterleaks:allow", b"pragma: allowlist secret")


class Ignored:
    """The patterns of `.lkr-scan-ignore` in a folder, one per line: fnmatch patterns of paths below the folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        try:
            data = project_files.read(folder, FILE) or b""
        except LkrError:
            data = b""
        lines = [line.strip() for line in data.decode("utf-8", "surrogateescape").splitlines()]
        self._patterns = [line.rstrip("/") for line in lines if line and not line.startswith("#")]

    def covers(self, path: str) -> bool:
        """True when a pattern covers this path, or a folder above it. The path is absolute or relative to the
        folder."""
        if not self._patterns:
            return False
        name = os.path.relpath(path, self._folder) if os.path.isabs(path) else path
        parts = name.split(os.sep)
        above = ["/".join(parts[: count + 1]) for count in range(len(parts))]
        return any(
            fnmatch.fnmatchcase(each, pattern.lstrip("/"))
            or ("/" not in pattern and fnmatch.fnmatchcase(part, pattern))
            for each, part in zip(above, parts, strict=True)
            for pattern in self._patterns
        )


def marked(data: bytes, start: int, end: int) -> bool:
    """True when a line of this span has a mark."""
    first = data.rfind(b"\n", 0, start) + 1
    last = data.find(b"\n", end)
    line = data[first : len(data) if last < 0 else last]
    return any(mark in line for mark in INLINE)
