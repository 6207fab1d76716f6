"""bash: its startup files, and where bash-completion looks."""

from lkrshell.shells.base import Shell


class Bash(Shell):
    name, oldest, hook_line = "bash", (4, 4), 'eval "$(lkr hook bash)"'
    version_variable, login_differs = "BASH_VERSION", True
    prompt_variable = "PROMPT_COMMAND"
    undoing = (
        rb"^[ \t]*(?:(?:export|declare|typeset)[ \t]+(?:-\w+[ \t]+)*)?PROMPT_COMMAND="
        rb"(?!.*(?:PROMPT_COMMAND|__lkr_hook))|^[ \t]*unset[ \t].*\bPROMPT_COMMAND\b"
    )

    def rc_files(self, every: bool = False) -> list[str]:
        import os

        from lkrshell.state.paths import home

        login = [os.path.join(home(), name) for name in (".bash_profile", ".bash_login", ".profile")]
        rc = os.path.join(home(), ".bashrc")
        if every:
            return [rc, *login]
        # A login shell reads only the first of these, and ~/.bashrc only if that file says so. If there is none, we
        # write ~/.profile, since a ~/.bash_profile would hide a ~/.profile that is made later.
        first = next((path for path in login if os.path.exists(path)), login[-1])
        return [rc] if _reads_bashrc(first, login) else [rc, first]

    def startup_files(self) -> list[str]:
        return ["/etc/bashrc", "/etc/bash.bashrc", *self.rc_files(every=True)]

    def loader_start(self, program: str, completions: bool) -> str:
        return "# shellcheck shell=bash\n" + super().loader_start(program, completions)

    def completion_files(self) -> list[tuple[str, str]]:
        import os

        from lkrshell.shells.userfiles import data

        own = os.environ.get("BASH_COMPLETION_USER_DIR", "").partition(":")[0]
        folder = os.path.join(own or data("bash-completion"), "completions")
        return [(os.path.join(folder, name), "lkr.bash") for name in ("lkr", "lkrsh")]


def _reads_bashrc(path: str, login: list[str]) -> bool:
    import os

    from lkrshell.shells.userfiles import read

    lines = [line for line in (read(path) or b"").splitlines() if not line.lstrip().startswith(b"#")]
    if any(b".bashrc" in line for line in lines):
        return True
    others = login[login.index(path) + 1 :]
    named = [other for other in others if any(os.path.basename(other).encode() in line for line in lines)]
    return any(_reads_bashrc(other, login) for other in named)


SHELL = Bash()
