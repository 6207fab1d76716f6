"""A shell's syntax for quoting, and the statements an export is made of. On the path of `lkr export`."""

from lkrshell.core.errors import USAGE, LkrError

SHELLS = ("bash", "zsh", "fish", "direnv")


class Posix:
    """bash and zsh: single quotes, in which nothing is special."""

    def quote(self, text: str) -> str:
        return "'" + text.replace("'", "'\\''") + "'"

    def call(self, function: str, *words: str) -> str:
        """One statement: a function of the hook, with its words quoted."""
        return " ".join([function, *map(self.quote, words)]) + "\n"


class Fish(Posix):
    """fish: single quotes, in which backslash and quote are escaped."""

    def quote(self, text: str) -> str:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def dialect(shell: str) -> Posix:
    """LkrError (64) for a shell that has none."""
    if shell in ("bash", "zsh", "direnv"):
        return Posix()
    if shell == "fish":
        return Fish()
    raise LkrError(f"no such shell: {shell}", f"use one of {', '.join(SHELLS)}", USAGE)
