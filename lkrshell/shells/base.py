"""What lkr has to know of a shell: one file here for each, and `dialect`, which imports only the one that is asked for.

An entry imports this and one of those files, so what touches files there imports what it needs when it is called.
"""

from lkrshell.core.errors import USAGE, LkrError

SHELLS = ("bash", "zsh", "fish")  # each has NAME.py here, shell/lkr.NAME, shell/lkr.plugin.NAME and completions
DIALECTS = (*SHELLS, "direnv")


class Shell:
    """A shell whose single quotes are those of POSIX, in which nothing is special. Others say what differs."""

    name = ""
    oldest = (0, 0)  # the first version that the hook works in
    prompt_variable = ""  # what runs the hook at each prompt
    undoing = b""  # a regular expression for a line that sets that variable anew and leaves out what was there
    unset = "unset"
    hook_line = ""  # what a person types, or writes into a startup file, to load the hook

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

    def setting(self, variable: str, value: str) -> str:
        """`assign`, as text of a file."""
        return self.assign(variable, value)

    def rc_files(self, every: bool = False) -> list[str]:
        """The rc files that need a block: all interactive shells read one of them. `every`: those that may hold one."""
        return []

    def user_files(self) -> list[str]:
        """The files in which a person writes lines for every interactive shell."""
        return self.rc_files()

    def startup_files(self) -> list[str]:
        """All that interactive shells read, in their order, whether it is there or not."""
        return []

    def loader(self) -> str:
        """The file by which `lkr install` loads the hook."""
        from lkrshell.state import paths

        return f"{paths.config_dir()}/load.{self.name}"

    def loader_start(self, program: str, completions: bool) -> str:
        """The first lines of that file; `program` is lkr's path, quoted. A function where PATH lacks it, and none of an
        alias: zsh completes no alias with quotes in it."""
        otherwise = f'    function lkr {{ {program} "$@"; }}\n'
        return f"__lkr_program={program}\nif [[ -x {program} ]] && ! hash lkr 2>/dev/null; then\n{otherwise}fi\n"

    def completion_files(self) -> list[tuple[str, str]]:
        """Where the shell looks for completions of lkr and lkrsh, and which file of completions/ is to be there."""
        return []


def dialect(shell: str) -> Shell:
    """What lkr knows of this shell. LkrError (64) for one that it does not know."""
    if shell not in DIALECTS:
        raise LkrError(f"no such shell: {shell}", f"use one of {', '.join(DIALECTS)}", USAGE)
    module = __import__(f"lkrshell.shells.{shell}", fromlist=["SHELL"])
    found: Shell = module.SHELL
    return found
