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

    def load(self, variable: str, key: str, value: str) -> str:
        """Gives `variable` its value. An assignment, since a builtin may be a function of the user's."""
        return f"__lkr_set {self.quote(variable)} {self.quote(key)} && {variable}={self.quote(value)}\n"

    def assign(self, variable: str, value: str) -> str:
        """Sets a variable of the hook's own, not exported."""
        return f"{variable}={self.quote(value)}\n"

    def export(self, variable: str, value: str) -> str:
        """Sets an exported variable of the hook's own."""
        return f"\\builtin export {variable}={self.quote(value)}\n"


class Fish(Posix):
    """fish: single quotes, in which backslash and quote are escaped."""

    def quote(self, text: str) -> str:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def call(self, function: str, *words: str) -> str:
        """Words between NUL bytes: the function, the place of the last one, the others. fish takes them as data, so
        that no profile, trace or debugging output has them as the text of a command."""
        return "\0".join([function, str(len(words) + 2), *words, ""])

    def load(self, variable: str, key: str, value: str) -> str:
        return self.call("__lkr_set", variable, key, value)

    def assign(self, variable: str, value: str) -> str:
        return self.call("set", "-g", variable, value)

    def export(self, variable: str, value: str) -> str:
        return self.call("set", "-gx", variable, value)


class Direnv(Posix):
    """What direnv's own bash evaluates in an .envrc."""

    def load(self, variable: str, key: str, value: str) -> str:
        return f"export {variable}={self.quote(value)}\n"


def dialect(shell: str) -> Posix:
    """LkrError (64) for a shell that has none."""
    if shell in ("bash", "zsh"):
        return Posix()
    if shell == "fish":
        return Fish()
    if shell == "direnv":
        return Direnv()
    raise LkrError(f"no such shell: {shell}", f"use one of {', '.join(SHELLS)}", USAGE)
