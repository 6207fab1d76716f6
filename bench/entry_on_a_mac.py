"""Entering a project as on a Mac, over the stand-in for macOS, compared with entering it on Linux with a vault, in one
run.

Both have three keys and run what a hook runs. The stand-in's keychain is a text file, so the time that macOS takes for
a question to the keychain is not included. The budget is 1.2. The table goes to stdout.

`python bench/entry_on_a_mac.py [ROUNDS]`
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

import standin

from bench import BIN, PYTHON, ROOT, SITE, Home

KEYS = {"OPENAI_API_KEY": "openai:prod", "ANTHROPIC_API_KEY": "anthropic:main", "GROQ_API_KEY": "groq:main"}


class Side:
    """A home whose store holds the keys, with an allowed project."""

    def __init__(self, home: Path, program: str, env: dict[str, str], root: Path, site: str) -> None:
        self.env, self.boot, self.site, self.folder = env, root / "lkrshell/boot.py", site, home / "p"
        self.times: list[float] = []
        self.folder.mkdir(parents=True)
        lines = "".join(f'{variable} = "{key}"\n' for variable, key in KEYS.items())
        (self.folder / ".lkr.toml").write_text(f"version = 1\n[keys]\n{lines}")
        for words, given in (
            (["unlock", "--stdin"], "a passphrase\n"),
            *((["set", key, "--stdin"], "sk-" + "x" * 48) for key in KEYS.values()),
            (["allow", "--yes", str(self.folder)], ""),
            (["hook", "bash"], ""),  # writes the bundle
        ):
            subprocess.run([program, *words], env=env, input=given, text=True, check=True, capture_output=True)

    def enter(self) -> None:
        command = [PYTHON, "-I", "-S", "-X", "utf8", str(self.boot), self.site, "bash", str(self.folder)]
        env = {**self.env, "PWD": str(self.folder)}
        start = time.perf_counter()
        done = subprocess.run(command, env=env, cwd=self.folder, capture_output=True, text=True, check=False)
        self.times.append(time.perf_counter() - start)
        assert done.stdout.count("x" * 48) == len(KEYS), done.stderr


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mac = standin.Mac(folder / "mac", standin.build(folder))
        user = standin.MacUser(folder / "home", standin.darwin_package(folder, mac.library, mac.folder), mac)
        home = Home(folder / "linux", "vault")
        linux = Side(home.folder, f"{BIN}/lkr", home.env, ROOT, SITE)
        root = folder / "site"
        macos = Side(user.home, user.program, {**user.env, "LKR_QUIET": "1"}, root, f"{root}\n{SITE}")
        for _ in range(rounds):
            linux.enter()
            macos.enter()
        subprocess.run([user.program, "lock"], env=user.env, check=True, capture_output=True)
    for label, side in (("Linux, vault", linux), ("macOS, keychain", macos)):
        print(
            f"enter, {label:<16} {statistics.median(side.times) * 1000:6.1f} ms  (fastest {min(side.times) * 1000:.1f})"
        )
    ratio = statistics.median(macos.times) / statistics.median(linux.times)
    print(f"ratio  {ratio:24.2f}     (fastest {min(macos.times) / min(linux.times):.2f})")


if __name__ == "__main__":
    main()
