"""Draws docs/pictures/*.svg: real sessions of bash on a terminal, in a throw-away home. `make pictures`.

Only the home's path is changed afterwards, into /home/me. The keys are random.
"""

import html
import io
import os
import re
import secrets
import sys
import tempfile
from pathlib import Path

import pexpect
from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

HERE = Path(__file__).parent
PROMPT = "$ "
WIDTH = 88
ASKS = [r"\[y/N\]: $", r"assphrase[^\n]*: $", r"confirmation[^\n]*: $", r"alue[^\n]*: $"]
PYTHON = """python3 -c 'import os; print(len(os.environ["OPENAI_API_KEY"]), "characters")'"""
SESSIONS = {
    "first-run": ["lkr set openai:prod", "cd shop", "cat .lkr.toml", "lkr allow"],
    "daily-use": [
        "cd shop", PYTHON, "cd ..", "echo ${OPENAI_API_KEY-nothing here}",
        "lkr exec -k openai:prod -- shop/ask", "lkr lock", "cd shop",
    ],
}  # fmt: skip


class Session:
    """A bash in `home`; `text` is all that its terminal got."""

    def __init__(self, home: Path) -> None:
        env = {
            "HOME": str(home), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "LANG": "C.UTF-8",
            "TERM": "xterm-256color", "LKR_BACKEND": "vault", "PS1": PROMPT,
        }  # fmt: skip
        self.value, self.passphrase = "sk-proj-" + secrets.token_hex(20), secrets.token_hex(8)
        self.child = pexpect.spawn(
            "bash", ["--norc", "--noprofile"], env=env, cwd=str(home), encoding="utf-8", timeout=30,
            dimensions=(60, WIDTH),
        )  # fmt: skip
        self.child.expect_exact(PROMPT)
        self._expect(
            "bind 'set enable-bracketed-paste off'; eval \"$(lkr hook bash)\"; PS1='\\[\\e[1;34m\\]\\W\\[\\e[0m\\] $ '"
        )
        self.text = self._expect("")

    def _expect(self, line: str) -> str:
        self.child.sendline(line)
        out = ""
        while True:
            which = self.child.expect([r"\$ (?:\x1b\[\?\d+h)?$", *ASKS])
            out += str(self.child.before) + str(self.child.after)
            if not which:
                return out
            self.child.sendline(["y", self.passphrase, self.passphrase, self.value][which - 1])

    def run(self, line: str) -> None:
        self.text += self._expect(line)


def draw(name: str, text: str, home: Path) -> str:
    """The SVG of what a terminal got."""
    text = text.replace(str(home), "/home/me").replace("\r", "")
    text = re.sub(r"\x1b\[\?[0-9]+[hl]", "", text)
    # Without the line that the session began with and the prompt that waits at its end; a line of room for descenders.
    text = text.partition("\n")[2].rpartition("\n")[0] + "\n "
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi(text), soft_wrap=False)
    form = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.S)
    form = re.sub(r"<!--.*?-->", "", form).replace("Fira Code", "ui-monospace, SFMono-Regular, DejaVu Sans Mono")
    return console.export_svg(title="bash", code_format=form, unique_id=f"lkr-{name}") + "\n"


def shown(svg: str) -> str:
    """The words of a picture."""
    return html.unescape(" ".join(re.findall(r"<text[^>]*>(.*?)</text>", svg, re.S))).replace("\xa0", " ")


def main(target: Path = HERE) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(os.path.realpath(folder))
        (home / "shop").mkdir()
        (home / ".config/lkr").mkdir(parents=True)
        (home / ".config/lkr/config.toml").write_text("agent_ancestors = false\n")
        (home / "shop/.lkr.toml").write_text('version = 1\n\n[keys]\nOPENAI_API_KEY = "openai:prod"\n')
        (home / "shop/ask").write_text('#!/bin/sh\necho "asking with a key of ${#OPENAI_API_KEY} characters"\n')
        (home / "shop/ask").chmod(0o755)
        for name, lines in SESSIONS.items():
            session = Session(home)
            for line in lines:
                session.run(line)
            session.child.close(force=True)
            if session.value in session.text or session.passphrase in session.text:
                raise SystemExit("a value came onto the screen")
            (target / f"{name}.svg").write_text(draw(name, session.text, home), encoding="utf-8")


if __name__ == "__main__":
    main()
