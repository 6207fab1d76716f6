"""Compares checkouts of lkr in one run: entering a project with a vault, and an idle prompt inside it in each shell.

`python bench/versions.py ROUNDS CHECKOUT...`. Everything is measured in turn, as processor time, which barely depends
on how busy the machine is. The ratios are to the first checkout. Prints a table; everything else is temporary.
"""

import os
import resource
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

PYTHON = str(sys._base_executable)  # type: ignore[attr-defined]  # what the hooks start
COUNT = 300  # prompts in one sample
FLAGS = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["-N"]}
LOOP = {
    "bash": "for ((i = 0; i < {}; i++)); do __lkr_hook; done",
    "zsh": "for ((i = 0; i < {}; i++)) {{ __lkr_hook; }}",
    "fish": "for i in (seq {})\n__lkr_hook\nend",
}


class Version:
    """A checkout, with a home of its own that has an allowed project with three keys."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root, self.home, self.project = root, home, home / "project"
        self.env = {
            "HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "LKR_BACKEND": "vault", "LKR_QUIET": "1",
            "TERM": "dumb", "PYTHONPATH": str(root), "PWD": str(self.project),
        }  # fmt: skip
        self.project.mkdir(parents=True)
        names = ("openai:prod", "anthropic:main", "groq:main")
        lines = "".join(f'{name.split(":")[0].upper()}_API_KEY = "{name}"\n' for name in names)
        (self.project / ".lkr.toml").write_text(f"version = 1\n[keys]\n{lines}")
        self.lkr("unlock", "--stdin", stdin="a passphrase\n")
        for name in names:
            self.lkr("set", name, "--stdin", stdin="sk-" + "x" * 48)
        self.lkr("allow", "--yes", str(self.project))
        for shell in FLAGS:
            (home / f"hook.{shell}").write_text(self.lkr("hook", shell))  # this also writes the bundle
        del self.env["PYTHONPATH"]
        site = f"{root}\n{sysconfig.get_path('platlib')}"
        boot = str(root / "lkrshell/boot.py")
        self.entry = [PYTHON, "-I", "-S", "-X", "utf8", boot, site, "bash", str(self.project)]

    def lkr(self, *words: str, stdin: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "lkrshell", *words],
            env=self.env, input=stdin, text=True, capture_output=True, check=True,
        )  # fmt: skip
        return done.stdout

    def run(self, *words: str) -> float:
        """Returns the processor seconds of a command and its children."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(words, env=self.env, cwd=self.project, text=True, capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if words[0] == PYTHON and "GROQ_API_KEY" not in done.stdout:
            raise SystemExit(f"{self.root}: {done.stdout}{done.stderr}")
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def prompt(self, shell: str) -> float:
        """Returns the seconds of one idle prompt: a loop of them, minus the same script without the loop."""
        start = f"source {self.home}/hook.{shell}\n__lkr_hook\n"
        spent = [self.run(shell, *FLAGS[shell], "-c", start + LOOP[shell].format(times)) for times in (0, COUNT)]
        return (spent[1] - spent[0]) / COUNT


def main() -> None:
    rounds = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        versions = [Version(Path(root).resolve(), Path(name) / str(n)) for n, root in enumerate(sys.argv[2:])]
        rows: dict[str, list[list[float]]] = {}
        for number in range(rounds):
            for version in versions if number % 2 else versions[::-1]:
                for what in ("enter", *(FLAGS if number % 4 == 0 else ())):
                    took = version.run(*version.entry) if what == "enter" else version.prompt(what)
                    rows.setdefault(what, [[] for _ in versions])[versions.index(version)].append(took)
    width = max(len(str(version.root)) for version in versions)
    for what, samples in rows.items():
        medians = [statistics.median(each) for each in samples]
        for version, median, each in zip(versions, medians, samples, strict=True):
            ratio, least = median / medians[0], min(each) / min(samples[0])
            print(f"{what:6} {version.root!s:{width}} {median * 1e3:8.3f} ms  {ratio:5.3f}  (fastest {least:5.3f})")


if __name__ == "__main__":
    main()
