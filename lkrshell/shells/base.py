"""What lkr must know about each shell. `dialect` imports only the one shell's file.

An export loads this module and one of those files, so methods that touch files import what they need themselves.
"""

from lkrshell.core.errors import USAGE, LkrError

SHELLS = ("bash", "zsh", "fish")  # each has NAME.py here, shell/lkr.NAME, lkr.plugin.NAME and completions
DIALECTS = (*SHELLS, "direnv")
PROGRAMS = (*SHELLS, "sh", "dash", "ksh", "busybox")  # shells that may start other programs, also without a hook


class Shell:
    """A shell with POSIX single quotes, inside which nothing is special. Subclasses say what differs."""

    name = ""
    oldest = (0, 0)  # the oldest version in which the hook works
    ask_version = ("--version",)  # options with which it prints its version, such as 5.2
    prompt_variable = ""  # what runs the hook at each prompt
    undoing = b""  # matches a line that replaces the value of that variable and drops our hook
    unset = "unset"
    version_variable = ""  # is set only in this shell, so that other shells skip our block in a shared rc file
    login_differs = False  # login shells read other files than the rest, so more than one file has to load the hook
    hook_line = ""  # what a person types, or writes into a startup file, to load the hook

    def quote(self, text: str) -> str:
        return "'" + text.replace("'", "'\\''") + "'"

    def call(self, function: str, *words: str) -> str:
        """One statement: a function of the hook, with its words quoted."""
        return " ".join([function, *map(self.quote, words)]) + "\n"

    def load(self, variable: str, key: str, value: str) -> str:
        """Sets `variable` to its value. An assignment, since the user may have replaced a builtin with a function."""
        return f"__lkr_set {self.quote(variable)} {self.quote(key)} && {variable}={self.quote(value)}\n"

    def assign(self, variable: str, value: str) -> str:
        """Sets one of the hook's own variables, without exporting it."""
        return f"{variable}={self.quote(value)}\n"

    def export(self, variable: str, value: str) -> str:
        """Sets and exports one of the hook's own variables."""
        return f"\\builtin export {variable}={self.quote(value)}\n"

    def setting(self, variable: str, value: str) -> str:
        """Like `assign`, but as text in a file."""
        return self.assign(variable, value)

    def rc_files(self, every: bool = False) -> list[str]:
        """The rc files that need our block, so that every interactive shell reads it. `every`: all that may contain
        one."""
        return []

    def user_files(self) -> list[str]:
        """The files in which a person writes lines for every interactive shell."""
        return self.rc_files()

    def startup_files(self) -> list[str]:
        """All files that interactive shells read, in order, whether they exist or not."""
        return []

    def loader(self) -> str:
        """The file that `lkr install` writes to load the hook."""
        from lkrshell.state import paths

        return f"{paths.config_dir()}/load.{self.name}"

    def loader_start(self, program: str, completions: bool) -> str:
        """The first lines of that file; `program` is lkr's path, quoted. They define a function `lkr` if PATH lacks it,
        not an alias, since zsh does not complete an alias that contains quotes."""
        otherwise = f'    function lkr {{ {program} "$@"; }}\n'
        return f"__lkr_program={program}\nif [[ -x {program} ]] && ! hash lkr 2>/dev/null; then\n{otherwise}fi\n"

    def completion_files(self) -> list[tuple[str, str]]:
        """Where the shell looks for completions of lkr and lkrsh, and which file of completions/ belongs there."""
        return []


def dialect(shell: str) -> Shell:
    """The dialect of this shell. LkrError (64) for an unknown one."""
    if shell not in DIALECTS:
        raise LkrError("that shell is not supported", f"use one of {', '.join(DIALECTS)}", USAGE)
    module = __import__(f"lkrshell.shells.{shell}", fromlist=["SHELL"])
    found: Shell = module.SHELL
    return found
