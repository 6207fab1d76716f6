"""Draws docs/pictures/report-light.png and report-dark.png: `lkr report` of a throw-away home, in headless Chromium.
`make pictures`.

The keys are random, and nothing else of this machine's is read. The past (uses, refusals, spending) is made up.
"""

import os
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
SIZE = "1120,1610"  # pixels; the page's whole height
DAY = 86400
# name, days since it was set, projects that use it, uses a week, US dollars in 13 weeks
KEYS = [
    ("openai:prod", 31, ["shop"], 40, 212.4),
    ("openai:personal", 12, ["notes"], 9, 0),
    ("anthropic:team", 64, ["shop", "support-bot"], 25, 148.9),
    ("mistral:trial", 203, [], 0, 0),
]
VARIABLES = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY", "mistral": "MISTRAL_API_KEY"}


def lkr(home: Path, *words: str, given: str = "", cwd: str = ".") -> None:
    program = f"{Path(sys.executable).parent}/lkr"
    subprocess.run([program, *words], input=given.encode(), cwd=home / cwd, check=True, capture_output=True)


def make_keys(home: Path) -> None:
    """Stores the keys, and allows the projects that use them."""
    from lkrshell.core import clock

    lkr(home, "unlock", "--stdin", given=secrets.token_hex(8))
    manifests: dict[str, list[str]] = {}
    for name, _, projects, _, _ in KEYS:
        value = ("sk-ant-api03-" if "anthropic" in name else "sk-proj-") + secrets.token_hex(24)
        lkr(home, "set", name, "--stdin", given=value)
        for project in projects:
            manifests.setdefault(project, []).append(f'{VARIABLES[name.split(":")[0]]} = "{name}"\n')
        if name == "openai:personal":
            (home / ".bashrc").write_text(f"alias ll='ls -l'\nexport OPENAI_API_KEY={value}\n")
            lkr(home, "install", "bash", "--yes")
    for project, lines in manifests.items():
        (home / project).mkdir()
        (home / project / ".lkr.toml").write_text(f"version = 1\n[keys]\n{''.join(lines)}")
        lkr(home, "allow", "--yes", cwd=project)
    lkr(home, "policy", "openai:prod", "--only", str(home / "shop"), "--via", "broker")
    lkr(home, "policy", "anthropic:team", "--via", "broker", "--budget", "20/day")
    for name, days, projects, _, _ in KEYS:
        entry = home / ".local/share/lkr/index/vault" / name.replace(":", "/")
        set_at = clock.stamp(time.time() - days * DAY)
        lines = entry.read_text().splitlines(keepends=True)
        entry.write_text("".join(f"created\t{set_at}\n" if each.startswith("created\t") else each for each in lines))
        used = int(time.time()) - (DAY // 2 if projects else days * DAY)
        os.utime(entry, (used, used))


def make_past(home: Path) -> None:
    """Writes 13 weeks of uses to the audit log, and what they cost to the ledger."""
    from lkrshell.broker.ledger import Ledger
    from lkrshell.core import clock
    from lkrshell.state import audit

    chance, now, past = random.Random(19), time.time(), []
    for name, _, projects, weekly, _ in KEYS:
        for _ in range(13 * weekly if projects else 0):
            past.append((now - chance.random() ** 1.4 * 90 * DAY, "exec", name, chance.choice(projects), ""))
    for days in (2, 9, 10, 33):
        past.append((now - days * DAY, "refused", "openai:prod", "shop", chance.choice(["claude", "codex"])))
    for when, event, name, project, agent in sorted(past):
        clock.now = lambda when=when: clock.stamp(when)  # type: ignore[misc]
        audit.record(event, [name], project=str(home / project), agent=agent, program="python")
    ledger = Ledger()
    for name, _, projects, weekly, dollars in KEYS:
        for _ in range(weekly * 13 if dollars else 0):
            about = {"project": str(home / projects[0]), "key": name, "vendor": name.split(":")[0]}
            row = ledger.begin(now - chance.random() * 90 * DAY, about)
            ledger.end(row, {"duration": 900, "status": 200, "cost": round(dollars * 1e6 / weekly / 13)})
    ledger.close()


def draw(page: Path, picture: Path, dark: bool) -> None:
    browser = shutil.which("chromium")
    if not browser:
        raise SystemExit("needs chromium")
    words = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size={SIZE}",
        f"--user-data-dir={page.parent}/profile", f"--screenshot={picture}",
        *["--blink-settings=preferredColorScheme=0"] * dark, page.as_uri(),
    ]  # fmt: skip
    subprocess.run(words, check=True, capture_output=True, timeout=200)


def main(target: Path = HERE) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(os.path.realpath(folder))
        (home / ".config/lkr").mkdir(parents=True)
        (home / ".config/lkr/config.toml").write_text("agent_ancestors = false\n")
        here = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "LKR_BACKEND": "vault"}
        os.environ.clear()
        os.environ.update(here)
        make_keys(home)
        make_past(home)
        lkr(home, "report", "-o", "report.html")
        lkr(home, "lock")
        for dark in (False, True):
            draw(home / "report.html", target / f"report-{'dark' if dark else 'light'}.png", dark)


if __name__ == "__main__":
    main()
