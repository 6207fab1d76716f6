"""The benchmark: lkr beside direnv, in one run on one machine. `make bench` installs and runs it. `bench.py
--audit-log` times only the log's share of an entry, `--daily` only the commands that people type.

It compares medians of the same task done by each, and counts processes with strace. Everything happens in a temporary
HOME with throw-away keys. The table goes to stdout, the figures to bench/results.json.
"""

import json
import os
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lkrshell.core.entry import Entry
from lkrshell.core.secret import Secret
from lkrshell.project import grants, lookup, manifest
from lkrshell.state import index
from lkrshell.stores.vault import Vault

BIN = Path(sys.executable).parent
ROOT = Path(__file__).resolve().parent.parent
PYTHON = str(sys._base_executable)  # type: ignore[attr-defined]  # what the hooks start
SITE = f"{ROOT}\n{sysconfig.get_path('platlib')}"
COUNTS = (1, 5, 50)
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))


class Home:
    """A throw-away user with a vault, or a keychain on its own bus, and the same keys for every tool."""

    def __init__(self, folder: Path, backend: str) -> None:
        self.folder = folder
        self.env = {
            "HOME": str(folder), "PATH": f"{BIN}:/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8",
            "LKR_BACKEND": backend, "LKR_QUIET": "1", "DIRENV_LOG_FORMAT": "", "TERM": "dumb",
        }  # fmt: skip

    def run(self, *words: str, stdin: str = "") -> str:
        done = subprocess.run(words, input=stdin, env=self.env, text=True, capture_output=True, check=True)
        return done.stdout

    def project(self, name: str, keys: list[str], secret_tool: bool = False) -> None:
        """Makes folder `name` for lkr and `name-direnv` for direnv, with the same variables and values."""
        folder, other = self.folder / name, self.folder / f"{name}-direnv"
        folder.mkdir(parents=True)
        other.mkdir()
        lines = "".join(f'K{n}_API_KEY = "{key}"\n' for n, key in enumerate(keys))
        (folder / ".lkr.toml").write_text(f"version = 1\n[keys]\n{lines}")
        self.run("lkr", "allow", "--yes", str(folder))
        lookup = "$(secret-tool lookup service com.llm-key-ring username {})"
        plain = "".join(
            f"export K{n}_API_KEY={lookup.format(key) if secret_tool else 'sk-' + 'x' * 48}\n"
            for n, key in enumerate(keys)
        )
        (other / ".envrc").write_text(plain)
        self.run("direnv", "allow", str(other))


def shells(home: Home) -> Iterator[tuple[str, str, str, dict[str, float]]]:
    """Yields (shell, situation, tool, {seconds, processes}) for what a person does at a prompt."""
    deep = "/".join(["d"] * 60)
    for folder in ("a/" + deep, "b/" + deep, "q", "q-direnv"):
        (home.folder / folder).mkdir(parents=True, exist_ok=True)
    for shell in ("bash", "zsh", "fish"):
        for tool in ("lkr", "direnv"):
            load = f"{tool} hook {shell} | source" if shell == "fish" else f'eval "$({tool} hook {shell})"'
            prompt = {"lkr": "__lkr_hook", "direnv": "__direnv_export_eval" if shell == "fish" else "_direnv_hook"}[
                tool
            ]
            suffix = "" if tool == "lkr" else "-direnv"
            inside = f"cd {home.folder}/p1{suffix}; {prompt};"
            situations = {
                "idle prompt inside": (inside, prompt, 300),
                "idle prompt outside": ("", prompt, 300),
                "cd between folders, 1 deep": ("", _pair(home.folder / "a", home.folder / "b", prompt), 100),
                "cd between folders, 10 deep": (
                    "",
                    _pair(home.folder / "a" / deep[:17], home.folder / "b" / deep[:17], prompt),
                    100,
                ),
                "cd between folders, 60 deep": (
                    "",
                    _pair(home.folder / "a" / deep, home.folder / "b" / deep, prompt),
                    100,
                ),
                "enter and leave": ("", _pair(home.folder / f"p1{suffix}", home.folder, prompt), 10),
                "A to B and back": (
                    inside,
                    _pair(home.folder / f"p5{suffix}", home.folder / f"p1{suffix}", prompt),
                    10,
                ),
                "hook at shell start": ("", load, 5),
            }
            if tool == "lkr":
                name = "K0_API_KEY"
                leave = f"__lkr_set {name} k:v x; __lkr_leave"
                situations["leave"] = ("", leave, 300)
                saved = home.folder / f"saved.{shell}"
                saved.write_text(home.run("lkr", "hook", shell))
                situations["saved hook at shell start"] = ("", f"source {saved}", 30)
                if shell == "bash":
                    tab = "COMP_LINE='lkr rm bench:k4' COMP_POINT=15; _lkr"
                    situations["completing one of 50 names"] = (f"source {ROOT}/completions/lkr.bash", tab, 30)
                if shell == "fish":
                    tab = "complete -C 'lkr rm bench:k4'"
                    situations["completing one of 50 names"] = (f"source {ROOT}/completions/lkr.fish", tab, 30)
                nested = f"{shell} {'--norc' if shell == 'bash' else '-N' if shell == 'fish' else '-f'} -c"
                situations["nested shell start inside"] = (inside, f"{nested} 'source {saved}; {prompt}'", 5)
            for situation, (first, step, count) in situations.items():
                yield shell, situation, tool, _loop(home, shell, f"{load}\n{prompt}\n{first}", step, count)


def _pair(one: Path, other: Path, prompt: str) -> str:
    return f"cd {one}; {prompt}; cd {other}; {prompt}"


def _loop(home: Home, shell: str, first: str, step: str, count: int) -> dict[str, float]:
    """Returns the cost of one `step`: a script that runs it `count` times, minus the same script without it."""
    loop = {
        "fish": f"for i in (seq %d)\n{step}\nend",
        "zsh": f"for ((i = 0; i < %d; i++)) {{ {step}; }}",
        "bash": f"for ((i = 0; i < %d; i++)); do {step}; done",
    }[shell]
    flags = {"bash": ["--norc"], "zsh": ["-f"], "fish": ["-N"]}[shell]

    def command(times: int) -> list[str]:
        return [shell, *flags, "-c", f"{first}\n{loop % times}"]

    samples = []
    for _ in range(ROUNDS):
        spent = []
        for times in (0, count):
            start = time.perf_counter()
            subprocess.run(command(times), env=home.env, cwd=home.folder, capture_output=True, check=False)
            spent.append(time.perf_counter() - start)
        samples.append((spent[1] - spent[0]) / count)
    few = min(count, 5)
    processes = (_processes(home, command(few)) - _processes(home, command(0))) / few
    return {"seconds": max(statistics.median(samples), 0.0), "processes": round(processes, 1)}


def _processes(home: Home, command: list[str]) -> int:
    with tempfile.NamedTemporaryFile("r") as trace:
        subprocess.run(
            ["strace", "-f", "-e", "trace=process", "-o", trace.name, *command],
            env=home.env, cwd=home.folder, capture_output=True, check=False,
        )  # fmt: skip
        lines = [line for line in trace if "CLONE_THREAD" not in line and "resumed" not in line]
    return len([line for line in lines if re.search(r"\b(v?fork|clone3?)\(", line)])


def programs(home: Home, commands: dict[str, list[str]], folders: dict[str, Path] | None = None) -> dict[str, float]:
    """Returns the median seconds of each command, measured by hyperfine, in its folder of `folders` or in the home."""
    out, medians = home.folder / "hyperfine.json", {}
    options = ["-N", "--warmup", "3", "--runs", str(ROUNDS * 5), "--export-json", str(out)]
    for name, words in commands.items():
        subprocess.run(
            ["hyperfine", *options, shlex.join(words)],
            env=home.env, cwd=(folders or {}).get(name, home.folder), capture_output=True, check=True,
        )  # fmt: skip
        medians[name] = float(json.loads(out.read_text())["results"][0]["median"])
    return medians


def enter(folder: Path) -> list[str]:
    """Returns the command that the hook runs on entering `folder`."""
    return [PYTHON, "-I", "-S", "-X", "utf8", str(ROOT / "lkrshell/boot.py"), SITE, "bash", str(folder)]


def floor() -> list[str]:
    return [PYTHON, "-I", "-S", "-X", "utf8", "-c", "pass"]


def beside_direnv(home: Home) -> tuple[dict[str, list[str]], dict[str, Path]]:
    """Returns the commands that the hooks run on entering a folder, and `lkr exec`, by name. Also returns the folders
    where they run."""
    commands, folders = {"floor": floor()}, {}
    for count in COUNTS:
        commands[f"lkr {count}"] = enter(home.folder / f"p{count}")
        commands[f"direnv {count}"] = ["direnv", "export", "bash"]
        folders[f"direnv {count}"] = home.folder / f"p{count}-direnv"
    commands["exec"], folders["exec"] = ["lkr", "exec", "--", "true"], home.folder / "p1"
    return commands, folders


# boot.py without its last line. The process itself times what the audit log does.
TIMED = """
import os, sys, time
text = open(sys.argv[1]).read()
assert text.endswith("\\n    main()\\n")
sys.argv[0] = __file__ = sys.argv.pop(1)
exec(text.removesuffix("    main()\\n"))
from lkrshell.runtime import agents
from lkrshell.state import audit
def timed(module, name):
    function = getattr(module, name)
    def run(*words, **more):
        start = time.perf_counter()
        done = function(*words, **more)
        os.write(2, f"TOOK {name} {time.perf_counter() - start}\\n".encode())
        return done
    setattr(module, name, run)
timed(agents, "ancestors")
timed(audit, "record")
main()
"""


def audit_log(home: Home, folder: Path) -> dict[str, float]:
    """Returns median seconds of an entry for the names of its ancestors (also needed to detect agents) and for the
    log's line."""
    python, *flags, boot, site, shell, where = enter(folder)
    took: dict[str, list[float]] = {}
    for _ in range(ROUNDS * 10):
        done = subprocess.run(
            [python, *flags, "-c", TIMED, boot, site, shell, where],
            env=home.env,
            text=True,
            capture_output=True,
            check=True,
        )
        for name, seconds in re.findall(r"^TOOK (\w+) (\S+)$", done.stderr, re.M):
            took.setdefault(name, []).append(float(seconds))
    return {name: statistics.median(samples) for name, samples in took.items()}


def say_audit_log(figures: dict[str, float]) -> None:
    both = sum(figures.values())
    parts = ", ".join(f"{name} {seconds * 1e3:.3f}" for name, seconds in figures.items())
    print(
        f"| the audit log's part of entering, of 0.3 ms ({parts}) | {both * 1e3:.3f} | 0.3 | {both * 1e3 / 0.3:.2f} |"
    )


DAILY = {
    "status": [], "list": [], "policy": [], "policy NAME": ["policy", "bench:k0"], "allow": ["allow", "--yes"],
    "set": ["set", "bench:k1", "--stdin", "--force"], "--help": [], "policy --help": ["policy", "--help"],
}  # fmt: skip


def daily(home: Home) -> dict[str, float]:
    """Returns median seconds of the commands that people type in a project, and of a bare interpreter, measured in
    turn."""
    commands = {"bare": [PYTHON, "-I", "-S", "-c", "pass"]}
    commands |= {name: [str(BIN / "lkr"), *(words or [name])] for name, words in DAILY.items()}
    value = home.folder / "value"
    value.write_text("sk-" + "x" * 48)
    took: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(ROUNDS * 5 + 1):
        for name, words in commands.items():
            with value.open() as stdin:
                start = time.perf_counter()
                subprocess.run(
                    words, env=home.env, cwd=home.folder / "p1", stdin=stdin, capture_output=True, check=True
                )
            if number:  # the first one fills the caches
                took[name].append(time.perf_counter() - start)
    return {name: statistics.median(samples) for name, samples in took.items()}


def say_daily(figures: dict[str, float]) -> None:
    print("\n| command, 50 keys | lkr, ms | bare interpreter, ms | ratio, at most 5 |\n|---|---|---|---|")
    bare = figures["bare"]
    for name in DAILY:
        print(f"| lkr {name} | {figures[name] * 1e3:.1f} | {bare * 1e3:.1f} | {figures[name] / bare:.2f} |")


def grow(home: Home, keys: int, projects: int) -> None:
    """Adds 10,000 keys and 2,000 grants through the library, in one process instead of 12,000."""
    os.environ.update(home.env)
    vault = Vault(900, 900)
    for number in range(keys):
        vault.set(f"scale:k{number}", Secret(f"sk-{number}"))
        index.write("vault", Entry(f"scale:k{number}", "runtime", "2026-01-01T00:00:00Z"))
    parsed = manifest.parse("x", 'version = 1\n[keys]\nA_KEY = "scale:k1"\n')
    for number in range(projects):
        real = f"/nowhere/{number}"
        grants.write(grants.Grant(real, "=x", lookup.ABSENT, False, "", parsed.bindings, "2026-01-01T00:00:00Z"))


def at_once(command: list[str], home: Home, count: int) -> float:
    """Returns the slowest of `count` runs started together."""

    def one(_: int) -> float:
        start = time.perf_counter()
        subprocess.run(command, env=home.env, capture_output=True, check=True)
        return time.perf_counter() - start

    with ThreadPoolExecutor(count) as pool:
        return statistics.median(max(pool.map(one, range(count))) for _ in range(ROUNDS))


def vault_home(folder: Path, keys: int = 50) -> Home:
    home = Home(folder, "vault")
    folder.mkdir()
    home.run("lkr", "unlock", "--stdin", stdin="bench")
    for number in range(keys):
        home.run("lkr", "set", f"bench:k{number}", "--stdin", stdin="sk-" + "x" * 48)
    return home


def names(count: int) -> list[str]:
    return [f"bench:k{number}" for number in range(count)]


def inside_the_bus(folder: str) -> None:
    """Measures the keychain, run again by `dbus-run-session`. Prints its figures as JSON."""
    home = Home(Path(folder), "keyring")
    home.env |= {name: os.environ[name] for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR")}
    home.run("gnome-keyring-daemon", "--unlock", "--components=secrets", stdin="bench")
    for number in range(50):
        home.run("lkr", "set", f"bench:k{number}", "--stdin", stdin="sk-" + "x" * 48)
    for count in COUNTS:
        home.project(f"p{count}", names(count), secret_tool=True)
    commands, folders = beside_direnv(home)
    commands["shell with secret-tool"] = [
        "sh", "-c", "K=$(secret-tool lookup service com.llm-key-ring username bench:k0) exec true",
    ]  # fmt: skip
    print(json.dumps(programs(home, commands, folders)))


def keychain(folder: Path) -> dict[str, float]:
    (folder / "run").mkdir(parents=True, mode=0o700)
    done = subprocess.run(
        ["dbus-run-session", "--", sys.executable, __file__, "--inside-the-bus", str(folder)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(folder / "run")}, text=True, capture_output=True, check=True,
    )  # fmt: skip
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


def only_audit_log(root: Path) -> None:
    home = vault_home(root / "vault", 1)
    home.project("p1", names(1))
    home.run("lkr", "hook", "bash")
    say_audit_log(audit_log(home, home.folder / "p1"))


def only_daily(root: Path) -> None:
    home = vault_home(root / "vault")
    home.project("p1", names(1))
    say_daily(daily(home))


def main(what: Callable[[Path], None]) -> None:
    root = Path(tempfile.mkdtemp(prefix="lkr-bench-"))
    try:
        what(root)
    finally:
        shutil.rmtree(root)


def report(root: Path) -> None:
    results: dict[str, object] = {}
    home = vault_home(root / "vault")
    for count in COUNTS:
        home.project(f"p{count}", names(count))

    print("| shell | situation | lkr, ms | direnv, ms | ratio | processes: lkr, direnv |\n|---|---|---|---|---|---|")
    seen: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
    for shell, situation, tool, figures in shells(home):
        seen.setdefault((shell, situation), {})[tool] = figures
    idle = {shell: seen[shell, "idle prompt inside"]["direnv"]["seconds"] for shell in ("bash", "zsh", "fish")}
    for (shell, situation), by in seen.items():
        ours, theirs = by["lkr"], by.get("direnv", {"seconds": idle[shell], "processes": 1})
        note = "" if "direnv" in by else " (beside direnv's idle prompt)"
        print(
            f"| {shell} | {situation}{note} | {ours['seconds'] * 1e3:.3f} | {theirs['seconds'] * 1e3:.2f} | "
            f"{ours['seconds'] / theirs['seconds']:.3f} | {ours['processes']:g}, {theirs['processes']:g} |"
        )
    results["shells"] = {f"{shell}: {situation}": by for (shell, situation), by in seen.items()}

    commands, folders = beside_direnv(home)
    vault = programs(home, commands | {"list": ["lkr", "list"]}, folders)
    results["vault"] = vault
    service = keychain(root / "keychain")
    results["secret service"] = service

    print("\n| process | lkr, ms | other, ms | ratio |\n|---|---|---|---|")

    def row(what: str, ours: float, theirs: float) -> None:
        print(f"| {what} | {ours * 1e3:.1f} | {theirs * 1e3:.1f} | {ours / theirs:.2f} |")

    row("enter, vault, 1 key, beside a bare interpreter", vault["lkr 1"], vault["floor"])
    for count in COUNTS:
        row(
            f"enter, vault, {count} keys, beside direnv with plain exports",
            vault[f"lkr {count}"],
            vault[f"direnv {count}"],
        )
    for count in COUNTS:
        row(
            f"enter, Secret Service, {count} keys, beside direnv with secret-tool",
            service[f"lkr {count}"],
            service[f"direnv {count}"],
        )
    row("enter, Secret Service, 50 keys beside 1", service["lkr 50"], service["lkr 1"])
    row("lkr exec, vault, beside a bare interpreter", vault["exec"], vault["floor"])
    row("lkr exec, Secret Service, beside sh with secret-tool", service["exec"], service["shell with secret-tool"])
    row("lkr list, 50 keys, beside a bare interpreter", vault["list"], vault["floor"])

    results["daily"] = of_commands = daily(home)
    say_daily(of_commands)

    results["audit log"] = figures = audit_log(home, home.folder / "p1")
    say_audit_log(figures)

    small = vault_home(root / "small", 1)
    deep = "/".join(["d"] * 60)
    many = names(1) * 256
    for each in (small, home):
        each.project(f"{deep}/one", names(1))
        each.project("many", many)
    grow(home, 10_000, 2_000)
    scale = {}
    for name in (f"{deep}/one", "many"):
        pair = {each.folder.name: ["env", f"HOME={each.folder}", *enter(each.folder / name)] for each in (small, home)}
        scale[name[-4:]] = programs(home, pair)
    row("enter 60 deep: 10,000 keys and 2,000 grants beside 1 and 2", scale["/one"]["vault"], scale["/one"]["small"])
    row("enter, 256 variables: 10,000 keys beside 1", scale["many"]["vault"], scale["many"]["small"])
    listing = programs(home, {"list": ["lkr", "list"]})["list"]
    print(f"| lkr list, 10,050 keys | {listing * 1e3:.0f} | | |")
    one, sixteen = (at_once(enter(home.folder / "p1"), home, count) for count in (1, 16))
    row("16 shells at once: the slowest, beside one", sixteen, one)
    bare_one, bare = (at_once(floor(), home, count) for count in (1, 16))
    row("the same for a bare interpreter", bare, bare_one)
    results |= {"scale": scale, "list": listing, "at once": [one, sixteen, bare_one, bare]}
    (ROOT / "bench/results.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside-the-bus"]:
        inside_the_bus(sys.argv[2])
    else:
        main({"--audit-log": only_audit_log, "--daily": only_daily}.get("".join(sys.argv[1:]), report))
