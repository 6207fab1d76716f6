"""The Python API beside `dotenv.load_dotenv()` and `keyring.get_password`: each in a fresh interpreter, in one run.

The program's own clock times the call with its imports, without the start of Python. `cpu` is the processor time of
that: on a busy machine, use this figure. python-keyring reads a plain file here (keyrings.alt), its fastest store.
`python bench/python_api.py [ROUNDS]`
"""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from bench import BIN, Home

KEYS = ("openai", "anthropic", "groq", "mistral", "cohere")
VALUE = "sk-" + "x" * 48
CLOCK = """import os, sys, time
{first}
start, cpu = time.perf_counter(), time.process_time()
{step}
print(time.perf_counter() - start, time.process_time() - cpu)"""
LOAD, QUIET = "import lkrshell\nlkrshell.load()", "import lkrshell\nlkrshell.load(required=False)"
# By name: the lines before the measurement, the measured lines, and the folder. The second column is the limit.
ROWS = {
    "import lkrshell": (10.0, "", "import lkrshell", "."),
    "lkrshell.load(), 5 keys of the vault": (30.0, "", LOAD, "project"),
    "the same again, in the same program": (0.0, LOAD, "lkrshell.load(override=True)", "project"),
    "load(required=False), no project": (0.0, "", QUIET, "."),
    "the same again": (1.0, QUIET, "lkrshell.load(required=False)", "."),
    "load(required=False), not allowed": (0.0, "", QUIET, "cloned"),
    "the same again, not allowed": (1.0, QUIET, "lkrshell.load(required=False)", "cloned"),
    "dotenv.load_dotenv(), 5 keys": (0.0, "", "import dotenv\ndotenv.load_dotenv('.env')", "project"),
    "keyring.get_password(), 5 keys": (
        0.0,
        "",
        f"import keyring\nfor name in {KEYS!r}: assert keyring.get_password('bench', name)",
        "project",
    ),
}


def make(home: Home) -> None:
    """Gives all of them the same five keys."""
    home.env["PYTHON_KEYRING_BACKEND"] = "keyrings.alt.file.PlaintextKeyring"
    home.run(f"{BIN}/lkr", "unlock", "--stdin", stdin="a passphrase\n")
    manifest = "version = 1\n[keys]\n" + "".join(f'{name.upper()}_API_KEY = "{name}:main"\n' for name in KEYS)
    for name in ("project", "cloned"):
        (home.folder / name).mkdir()
        (home.folder / name / ".lkr.toml").write_text(manifest)
    for name in KEYS:
        home.run(f"{BIN}/lkr", "set", f"{name}:main", "--stdin", stdin=VALUE)
    home.run(f"{BIN}/lkr", "allow", "--yes", str(home.folder / "project"))
    (home.folder / "project/.env").write_text("".join(f"{name.upper()}_API_KEY={VALUE}\n" for name in KEYS))
    code = f"import keyring\nfor name in {KEYS!r}: keyring.set_password('bench', name, {VALUE!r})"
    home.run(sys.executable, "-c", code)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    with tempfile.TemporaryDirectory() as name:
        home = Home(Path(name), "vault")
        make(home)
        times: dict[str, list[tuple[float, ...]]] = {row: [] for row in ROWS}
        for _ in range(rounds):
            for row, (_, first, step, folder) in ROWS.items():
                command = [sys.executable, "-c", CLOCK.format(first=first, step=step)]
                out = subprocess.run(
                    command, env=home.env, cwd=home.folder / folder, capture_output=True, text=True, check=True
                )
                times[row].append(tuple(float(each) * 1000 for each in out.stdout.split()))
    print(f"{'':40} {'median':>8} {'fastest':>8} {'cpu':>8} {'limit':>6}  ms")
    for row, (limit, *_) in ROWS.items():
        clock, cpu = zip(*times[row], strict=True)
        print(
            f"{row:40} {statistics.median(clock):8.2f} {min(clock):8.2f} {statistics.median(cpu):8.2f} {limit or '':>6}"
        )


if __name__ == "__main__":
    main()
