"""How fast `lkr scan` is beside betterleaks and detect-secrets: `python bench/scan.py REPO...`.

Each REPO is a git working tree of yours; this project contains none. Prints medians and ratios of one run. Ten keys are
stored in a temporary vault.
"""

import os
import random
import shutil
import statistics
import string
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BIN = Path(sys.executable).parent
ROUNDS = 5
ALONE = "import sys; sys.modules['betterleaks'] = None; sys.argv[0] = 'lkr'; from lkrshell.__main__ import main; main()"
memory: list[int] = []  # peak MiB of each `lkr scan`


def run(words: list[str], env: dict[str, str], folder: Path, data: bytes = b"") -> float:
    """Returns the seconds of wall-clock time."""
    start = time.perf_counter()
    if data:
        subprocess.run(words, env=env, cwd=folder, input=data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.perf_counter() - start
    process = subprocess.Popen(words, env=env, cwd=folder, stdin=-3, stdout=-3, stderr=-3)
    _, process.returncode, usage = os.wait4(process.pid, 0)
    if "scan" in words and "detect-secrets" not in words[0]:
        memory.append(usage.ru_maxrss >> (20 if sys.platform == "darwin" else 10))
    return time.perf_counter() - start


def prepared(home: Path) -> dict[str, str]:
    """Returns an environment with ten keys in an unlocked vault."""
    env = {"HOME": str(home), "PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin", "LKR_BACKEND": "vault", "LANG": "C.UTF-8"}
    lkr = str(BIN / "lkr")
    subprocess.run([lkr, "unlock", "--stdin"], input=b"a passphrase for the bench\n", env=env, check=True, stderr=-3)
    for number in range(10):
        value = "sk-proj-" + "".join(random.choices(string.ascii_letters + string.digits, k=60))
        words = [lkr, "set", f"openai:key-{number}", "--stdin"]
        subprocess.run(words, input=value.encode(), env=env, check=True, stderr=-3)
    return env


def beside(title: str, each: dict[str, list[str]], env: dict[str, str], folder: Path) -> None:
    """Runs them in turn. Prints the medians, and the ratio of the first to the second."""
    for words in each.values():
        run(words, env, folder)
    times: dict[str, list[float]] = {name: [] for name in each}
    for _ in range(ROUNDS):
        for name, words in each.items():
            times[name].append(run(words, env, folder))
    medians = {name: statistics.median(found) for name, found in times.items()}
    first, second, *_ = medians.values()
    told = "  ".join(f"{name} {seconds:.3f} s" for name, seconds in medians.items())
    print(f"{folder.name:<14} {title:<8} {told}  ratio {first / second:.2f}", flush=True)


def staged(env: dict[str, str], home: Path) -> None:
    """Measures a commit of 1,000 files."""
    folder = home / "staged"
    folder.mkdir()
    for number in range(1000):
        (folder / f"{number}.py").write_text(f"x = {number}\n" * 200)
    for words in (["git", "init", "-q"], ["git", "add", "-A"]):
        subprocess.run(words, cwd=folder, env=env, check=True)
    for about, words in (("", [sys.executable, "-c", ALONE]), (", with the engine", [str(BIN / "lkr")])):
        times = [run([*words, "scan", "--staged"], env, folder) for _ in range(ROUNDS)]
        print(f"a staged commit of 1,000 files{about}: {statistics.median(times):.3f} s", flush=True)


def redacted(env: dict[str, str], home: Path) -> None:
    """Measures a stream of 256 MiB."""
    line = b"2026-11-28T09:00:00Z INFO  served /v1/chat/completions in 231 ms with status 200 to client 10.0.0.7\n"
    data = line * ((256 << 20) // len(line))
    seconds = min(run([str(BIN / "lkr"), "redact"], env, home, data) for _ in range(3))
    print(f"lkr redact: {len(data) / seconds / (1 << 20):.0f} MiB/s", flush=True)


def main(repositories: list[str]) -> None:
    with tempfile.TemporaryDirectory() as place:
        home = Path(place)
        env = prepared(home)
        lkr, leaks, detect = (str(BIN / name) for name in ("lkr", "betterleaks", "detect-secrets"))
        for name in repositories:
            folder = Path(name).resolve()
            alone = [sys.executable, "-c", ALONE, "scan"]
            tree = {
                "lkr": alone,
                "betterleaks": [leaks, "fs", ".", "-s", "--no-banner"],
                "with the engine": [lkr, "scan"],
            }
            past = {
                "lkr": [*alone, "--history"],
                "betterleaks": [leaks, "git", ".", "-s", "--no-banner"],
                "with the engine": [lkr, "scan", "--history"],
            }
            beside("tree", tree, env, folder)
            beside("history", past, env, folder)
            if shutil.which(detect):
                print(f"{folder.name:<14} detect-secrets, once: {run([detect, 'scan'], env, folder):.1f} s", flush=True)
        staged(env, home)
        redacted(env, home)
        print(f"lkr scan took at most {max(memory)} MiB of memory; {os.cpu_count()} cores")


if __name__ == "__main__":
    main(sys.argv[1:])
