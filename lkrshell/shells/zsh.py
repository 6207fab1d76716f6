"""zsh: its startup files, and the folder for its completions, which our loader adds to fpath."""

from lkrshell.shells.base import Shell


class Zsh(Shell):
    name, oldest, hook_line = "zsh", (5, 3), 'eval "$(lkr hook zsh)"'
    prompt_variable, version_variable = "precmd_functions", "ZSH_VERSION"
    undoing = (
        rb"^[ \t]*(?:typeset[ \t]+(?:-\w+[ \t]+)*)?precmd_functions=\((?![^)]*(?:precmd_functions|__lkr_hook))"
        rb"|^[ \t]*unset[ \t].*\bprecmd_functions\b"
    )

    def rc_files(self, every: bool = False) -> list[str]:
        return [f"{_zdotdir()}/.zshrc"]

    def startup_files(self) -> list[str]:
        from lkrshell.state.paths import home

        folder = _zdotdir()
        own = [f"{folder}/{name}" for name in (".zprofile", ".zshrc", ".zlogin", ".zsh_plugins.txt")]
        return ["/etc/zshrc", "/etc/zsh/zshrc", f"{home()}/.zshenv", *own]

    def loader_start(self, program: str, completions: bool) -> str:
        head = ""
        if completions:
            folder = self.quote(self.completion_files()[0][0].rpartition("/")[0])
            head = f"fpath+=({folder})\nif ((${{+functions[compdef]}})); then\n"
            head += "    autoload -Uz _lkr\n    compdef _lkr lkr lkrsh\nfi\n"
        return head + super().loader_start(program, completions)

    def completion_files(self) -> list[tuple[str, str]]:
        from lkrshell.shells.userfiles import data

        return [(data("zsh/site-functions/_lkr"), "_lkr")]


def _zdotdir() -> str:
    """$ZDOTDIR. zsh itself is asked, since ~/.zshenv may set it without exporting it."""
    import os
    import subprocess

    from lkrshell.state.paths import home

    if os.environ.get("ZDOTDIR"):
        return os.path.abspath(os.environ["ZDOTDIR"])
    try:
        asked = subprocess.run(
            ["zsh", "-c", 'print -rn -- "lkr:${ZDOTDIR:-$HOME}"'], stdin=subprocess.DEVNULL, capture_output=True,
            timeout=5, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return home()
    folder = os.fsdecode(asked.stdout.rpartition(b"lkr:")[2])
    return folder if os.path.isdir(folder) else home()


SHELL = Zsh()
