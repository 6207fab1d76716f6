"""Entering a project whose keys go through the broker, compared with the same keys from the vault, in one run.

Both run what a hook runs: `boot.py`, with the interpreter and the folders that `lkr hook` names. It also measures the
time from the first request to the first answer when no broker was running. The table goes to stdout.

`python bench/entry_by_broker.py [ROUNDS]`
"""

import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench import BIN, PYTHON, ROOT, SITE, Home

BOOT = ROOT / "lkrshell/boot.py"
KEYS = ("openai:prod", "anthropic:main", "groq:main")
VARIABLES = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GROQ_API_KEY")


def enter(home: Home, folder: Path) -> tuple[float, str]:
    """Returns the seconds of one entry, and its output."""
    command = [PYTHON, "-I", "-S", "-X", "utf8", str(BOOT), SITE, "bash", str(folder)]
    env = {**home.env, "PWD": str(folder)}
    start = time.perf_counter()
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=False)
    return time.perf_counter() - start, done.stdout + done.stderr


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    with tempfile.TemporaryDirectory() as name:
        home = Home(Path(name), "vault")
        home.run(f"{BIN}/lkr", "unlock", "--stdin", stdin="a passphrase\n")
        for key in KEYS:
            home.run(f"{BIN}/lkr", "set", key, "--stdin", stdin="sk-" + "x" * 48)
        folders = {}
        for kind in ("vault", "broker"):
            folders[kind] = home.folder / kind
            folders[kind].mkdir()
            lines = "".join(f'{variable} = "{key}"\n' for variable, key in zip(VARIABLES, KEYS, strict=True))
            via = 'via = "broker"\n' if kind == "broker" else ""
            (folders[kind] / ".lkr.toml").write_text(f"version = 1\n{via}[keys]\n{lines}")
            home.run(f"{BIN}/lkr", "allow", "--yes", str(folders[kind]))
        home.run(f"{BIN}/lkr", "hook", "bash")  # writes the bundle
        try:
            ready = [first_need(home, folders["broker"]) for _ in range(5)]
            times: dict[str, list[float]] = {"vault": [], "broker": []}
            for _ in range(rounds):
                for kind, folder in folders.items():
                    seconds, out = enter(home, folder)
                    assert ("lkr-vk-" in out) == (kind == "broker"), out
                    times[kind].append(seconds)
        finally:
            home.run(f"{BIN}/lkr", "broker", "stop")
    vault, broker = (statistics.median(times[kind]) for kind in ("vault", "broker"))
    print(f"enter, vault   {vault * 1000:7.1f} ms  (fastest {min(times['vault']) * 1000:.1f})")
    print(f"enter, broker  {broker * 1000:7.1f} ms  (fastest {min(times['broker']) * 1000:.1f})")
    print(f"ratio          {broker / vault:7.2f}     (fastest {min(times['broker']) / min(times['vault']):.2f})")
    print(f"first answer   {statistics.median(ready) * 1000:7.0f} ms  (fastest {min(ready) * 1000:.0f})")


def first_need(home: Home, folder: Path) -> float:
    """Returns the seconds from an entry without a broker to the answer to a request that is sent at once."""
    home.run(f"{BIN}/lkr", "broker", "stop")
    start = time.perf_counter()
    _, out = enter(home, folder)
    port = out.partition("http://127.0.0.1:")[2].partition("/")[0]
    connection = http.client.HTTPConnection(f"127.0.0.1:{port}", timeout=60)
    connection.request("GET", "/openai/v1/models", headers={"Authorization": "Bearer lkr-vk-none"})
    assert connection.getresponse().status == 401
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
