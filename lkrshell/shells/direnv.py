"""direnv: statements for the bash in which it evaluates an .envrc."""

from lkrshell.shells.base import Shell


class Direnv(Shell):
    name = "direnv"

    def load(self, variable: str, key: str, value: str) -> str:
        return f"export {variable}={self.quote(value)}\n"


SHELL = Direnv()
