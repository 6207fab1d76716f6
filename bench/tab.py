"""How long one Tab takes in bash, zsh and fish, with 3 and with 10,000 keys. `make bench` runs it after bench.py.
`tab.py` alone needs half a minute.

Each line is completed BENCH_ROUNDS times (7), and its figure is the median. A row gives the median and the slowest of
the lines. A line without any completion is an error. Everything happens in a temporary HOME; only names of keys exist.
"""

import re
import statistics
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pexpect

from bench import ROOT, ROUNDS, Home, main
from lkrshell.vendors import providers

LINES = ["lkr ", "lkr ren", "lkr rm ", "lkr rm op", "lkr rm openai:", "lkr set ", "lkr add ", "lkr add X=",
         "lkr use ", "lkr policy --", "lkr policy --agents ", "lkr exec -k "]  # fmt: skip
# Each prints, line by line, how long a round took and how many words it found. bash's function is called as Tab does.
BASH = """
compopt() { :; }
for line in "${lines[@]}"; do
    read -ra COMP_WORDS <<<"$line"
    [[ $line == *" " ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$line COMP_POINT=${#line}
    for ((round = 0; round < rounds; round++)); do
        COMPREPLY=()
        start=${EPOCHREALTIME/./}
        _lkr lkr "${COMP_WORDS[-1]##*:}" ''
        echo "took $((${EPOCHREALTIME/./} - start)) ${#COMPREPLY[@]}"
    done
done
"""
FISH = """
for line in $lines
    for round in (seq $rounds)
        time complete -C $line >/dev/null
        echo found (count (complete -C $line)) >&2
    end
end
"""
# In zsh only the line editor completes: this types the lines, then ^T.
ZSH = """
zmodload zsh/datetime
autoload -U compinit; compinit -u -D; setopt no_beep; LISTMAX=10000
matches() { found=$compstate[nmatches] }
clocked() {
    comppostfuncs=(matches) found=0
    local start=$EPOCHREALTIME
    zle complete-word
    start=$(( (EPOCHREALTIME - start) * 1000000 ))
    BUFFER=
    print -r -- "took ${start%.*} $found."
}
zle -N clocked
bindkey '^T' clocked
echo rea''dy
"""


def bash(home: Home) -> Iterator[tuple[float, int]]:
    """Yields (milliseconds, words found) of each round of each line."""
    words = " ".join(f"'{line}'" for line in LINES)
    script = f"lines=({words}) rounds={ROUNDS}\nsource {ROOT}/completions/lkr.bash\n{BASH}"
    for took, found in re.findall(r"^took (\d+) (\d+)$", _out(home, "bash", "--norc", "-c", script), re.M):
        yield int(took) / 1000, int(found)


def fish(home: Home) -> Iterator[tuple[float, int]]:
    words = " ".join(f"'{line}'" for line in LINES)
    script = f"set lines {words}; set rounds {ROUNDS}\nsource {ROOT}/completions/lkr.fish\n{FISH}"
    scale = {"secs": 1000, "millis": 1, "micros": 0.001}
    round_ = r"Executed in +([\d.]+) (secs|millis|micros)[^E]*found (\d+)"
    for took, unit, found in re.findall(round_, _out(home, "fish", "-N", "-c", script)):
        yield float(took) * scale[unit], int(found)


def zsh(home: Home) -> Iterator[tuple[float, int]]:
    script = home.folder / "clock.zsh"
    script.write_text(f"fpath=({ROOT}/completions $fpath)\n{ZSH}")
    folder = str(home.folder / "p")
    child = pexpect.spawn(
        "zsh", ["-f", "-i"], env=home.env, cwd=folder, encoding="utf-8", timeout=20, dimensions=(40, 300)
    )
    child.delaybeforesend = None
    child.sendline(f". {script}")
    child.expect("ready\r")
    for line in LINES:
        for _ in range(ROUNDS):
            child.send(line + "\x14")
            child.expect(r"took (\d+) (\d+)\.")
            assert child.match is not None
            yield int(child.match[1]) / 1000, int(child.match[2])
    child.close(force=True)


def _out(home: Home, *words: str) -> str:
    done = subprocess.run(words, env=home.env, cwd=home.folder / "p", capture_output=True, text=True, check=True)
    return done.stdout + done.stderr  # fish's `time` prints to stderr


def project(folder: Path, keys: int) -> Home:
    """Returns a user with a project, and the names of `keys` keys of all vendors."""
    home = Home(folder, "vault")
    (folder / "p").mkdir(parents=True)
    (folder / "p/.lkr.toml").write_text('[keys]\nA_KEY = "openai:k"\n[profiles.staging.keys]\nA_KEY = "openai:stg"\n')
    vendors = sorted(providers.builtin(), key=lambda each: each != "openai")
    for number in range(keys):
        entry = folder / ".local/share/lkr/index/vault" / vendors[number % len(vendors)] / f"k{number}"
        entry.parent.mkdir(parents=True, exist_ok=True)
        entry.touch()
    return home


def report(root: Path) -> None:
    print("| shell | keys | one Tab, median, ms | slowest line, ms | that line |\n|---|---|---|---|---|")
    for shell in (bash, zsh, fish):
        for keys in (3, 10_000):
            rounds = list(shell(project(root / f"{shell.__name__}{keys}", keys)))
            assert len(rounds) == ROUNDS * len(LINES), f"{shell.__name__}: {len(rounds)} figures"
            took = {}
            for at, line in enumerate(LINES):
                times, found = zip(*rounds[at * ROUNDS :][:ROUNDS], strict=True)
                assert all(found), f"{shell.__name__}: nothing found for {line!r}"
                took[line] = statistics.median(times)
            slowest = max(took, key=lambda each: took[each])
            middle = statistics.median(took.values())
            print(f"| {shell.__name__} | {keys:,} | {middle:.1f} | {took[slowest]:.1f} | `{slowest}` |", flush=True)


if __name__ == "__main__":
    main(report)
