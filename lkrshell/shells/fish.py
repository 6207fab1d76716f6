"""fish: its quoting, in which a backslash is special inside quotes, and its folders, with one file per snippet."""

from lkrshell.shells.base import Shell


class Fish(Shell):
    name, oldest, hook_line, unset = "fish", (3, 6), "lkr hook fish | source", "set -e"

    def quote(self, text: str) -> str:
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def call(self, function: str, *words: str) -> str:
        """The function, the place of the last word, and the other words, with NUL between them.

        fish reads them as data, so no profile, trace or debugging output shows them as a command's text.
        """
        return "\0".join([function, str(len(words) + 2), *words, ""])

    def load(self, variable: str, key: str, value: str) -> str:
        return self.call("__lkr_set", variable, key, value)

    def assign(self, variable: str, value: str) -> str:
        return self.call("set", "-g", variable, value)

    def export(self, variable: str, value: str) -> str:
        return self.call("set", "-gx", variable, value)

    def setting(self, variable: str, value: str) -> str:
        return f"set -g {variable} {self.quote(value)}\n"

    def user_files(self) -> list[str]:
        return [folder("config.fish")]

    def startup_files(self) -> list[str]:
        import os

        found = []
        for each in (folder("conf.d"), "/etc/fish/conf.d", "/usr/share/fish/vendor_conf.d"):
            parts = sorted(os.listdir(each)) if os.path.isdir(each) else []
            found += [os.path.join(each, part) for part in parts if part.endswith(".fish")]
        return [*found, "/etc/fish/config.fish", folder("config.fish")]

    def loader(self) -> str:
        return folder("conf.d/lkr.fish")

    def loader_start(self, program: str, completions: bool) -> str:
        named = f"set -l program {program}\n"
        return named + f"if test -x {program}; and not command -q lkr\n    function lkr; {program} $argv; end\nend\n"

    def completion_files(self) -> list[tuple[str, str]]:
        return [(folder(f"completions/{name}"), name) for name in ("lkr.fish", "lkrsh.fish")]


def folder(name: str) -> str:
    """The path of a file in the user's fish folder."""
    from lkrshell.shells.userfiles import config

    return config(f"fish/{name}")


SHELL = Fish()
