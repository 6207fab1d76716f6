"""Draws docs/pictures/tour.svg: a real bash session in a throw-away home, as an animated SVG. `make pictures`.

The picture needs no script and no font: CSS keyframes show each line at its time. With animations off, it shows the
end of the session. Two things are changed afterwards: the home's path, and the value of the random demo key.
"""

import html
import os
import re
import secrets
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pexpect

HERE = Path(__file__).parent
NAME = "tour.svg"
TITLE = (
    "A bash session: lkr init moves a key from .env into the vault, cd out unloads it, cd in loads it, "
    "a coding agent's shell gets nothing, lkr lock takes it away"
)
WIDTH, ROWS = 88, 22  # characters, lines
COLUMN, LINE, FONT = 8.4, 20, 14  # pixels
LEFT, TOP = 16, 44
# The session: what is typed, and the answer to each question that lkr asks.
TYPED = [
    "cd shop", "cat .env", "lkr init", "cd ..", "cd shop", "CLAUDECODE=1 bash   # how a coding agent starts a shell",
    "echo ${OPENAI_API_KEY-nothing here}", "exit", "lkr lock",
]  # fmt: skip
ANSWER = "y"
ASKS = r"\[[yY]/[nN]\]: $"
RC = r"""bind 'set enable-bracketed-paste off'
PS1='\[\e[31m\]${CLAUDECODE:+agent }\[\e[1;34m\]\W\[\e[0m\] $ '
"""
PROMPT = r"\$ (?:\x1b\[\?\d+h)?$"
# Seconds of the animation.
PER_LETTER, BEFORE_TYPING, AFTER_TYPING, PER_LINE, END = 0.035, 0.6, 0.2, 0.16, 4.0
BACKGROUND, FOREGROUND = "#0d1117", "#c9d1d9"
COLORS = {"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "34": "#79c0ff", "35": "#d2a8ff", "36": "#76e3ea"}


@dataclass
class Event:
    """What the terminal got at once: text that somebody typed, or output."""

    typed: bool
    text: str


def _account(home: Path) -> dict[str, str]:
    """Makes `home` the account's home folder, by libnss-wrapper: agents get keys from no other home."""
    passwd, group = home / ".passwd", home / ".group"
    passwd.write_text(f"me:x:{os.getuid()}:{os.getgid()}::{home}:/bin/sh\n")
    group.write_text(f"me:x:{os.getgid()}:\n")
    return {"LD_PRELOAD": "libnss_wrapper.so", "NSS_WRAPPER_PASSWD": str(passwd), "NSS_WRAPPER_GROUP": str(group)}


class Session:
    """A bash in `home`, and all that its terminal got."""

    def __init__(self, home: Path) -> None:
        env = {
            "HOME": str(home), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "LANG": "C.UTF-8",
            "TERM": "xterm-256color", "LKR_BACKEND": "vault", **_account(home),
        }  # fmt: skip
        self.passphrase = secrets.token_hex(8)
        lkr = f"{Path(sys.executable).parent}/lkr"
        for words in (["unlock", "--stdin"], ["install", "bash", "--yes"]):
            subprocess.run([lkr, *words], input=self.passphrase.encode(), env=env, check=True, capture_output=True)
        rc = home / ".bashrc"
        rc.write_text(RC + rc.read_text())
        self.child = pexpect.spawn(
            "bash", ["--rcfile", str(rc)], env=env, cwd=str(home), encoding="utf-8", timeout=30,
            dimensions=(60, WIDTH),
        )  # fmt: skip
        self.child.expect(PROMPT)
        self.events = [Event(False, str(self.child.before) + str(self.child.after))]

    def run(self, line: str) -> None:
        """Types `line`, and an answer to each question that comes."""
        while True:
            self.child.send(line)
            self.child.expect_exact(line)
            self.events.append(Event(True, line))
            self.child.send("\n")
            which = self.child.expect([PROMPT, ASKS])
            self.events.append(Event(False, str(self.child.before) + str(self.child.after)))
            if which == 0:
                return
            line = ANSWER


@dataclass
class Piece:
    """Text of one color at one place, and when it comes; `typed` pieces come letter by letter until `end`."""

    column: int
    row: int
    text: str
    style: str
    start: float
    end: float = 0.0


class Screen:
    """Puts the events onto lines, each at its time."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.rows: list[float] = [0.0]  # when each line is begun
        self.column, self.style, self.clock = 0, "", 0.0

    def add(self, event: Event) -> None:
        if event.typed:
            start = self.clock + BEFORE_TYPING
            self.clock = start + PER_LETTER * len(event.text)
            self.style = ' fill="#ffffff"'
            self._put(event.text, start, self.clock)
            self.style = ""
            self.clock += AFTER_TYPING
            return
        text = re.sub(r"\x1b\[\?\d+[hl]|\r", "", event.text)
        for part in re.split(r"(\x1b\[[\d;]*m|\n)", text):
            if part == "\n":
                self.clock += PER_LINE
                self.rows.append(self.clock)
                self.column = 0
            elif part.startswith("\x1b"):
                self._color(part[2:-1])
            elif part:
                self._put(part, self.clock)

    def _color(self, codes: str) -> None:
        for code in codes.split(";"):
            if code in ("", "0"):
                self.style = ""
            elif code in COLORS:
                self.style = f' fill="{COLORS[code]}"'
            elif code == "2":
                self.style = ' fill="#8b949e"'

    def _put(self, text: str, start: float, end: float = 0.0) -> None:
        while text:
            here, text = text[: WIDTH - self.column], text[WIDTH - self.column :]
            self.pieces.append(Piece(self.column, len(self.rows) - 1, here, self.style, start, end))
            self.column += len(here)
            if text:
                self.rows.append(start)
                self.column = 0


class Animations:
    """CSS keyframes over `total` seconds, one class each; the same frames share one."""

    def __init__(self, total: float) -> None:
        self.total = total
        self.styles: list[str] = []
        self._names: dict[str, str] = {}

    def percent(self, second: float) -> str:
        return f"{100 * second / self.total:.2f}%"

    def name(self, frames: str, timing: str = "step-end") -> str:
        if frames not in self._names:
            name = self._names[frames] = f"a{len(self._names)}"
            rule = f"animation:{name} {self.total:.2f}s {timing} infinite"
            self.styles.append(f"@keyframes {name}{{{frames}}}.{name}{{{rule}}}")
        return self._names[frames]


def draw_piece(piece: Piece, animations: Animations) -> str:
    """The text, and over a typed one a cover that moves away letter by letter, with the cursor on its left edge."""
    x, y = LEFT + piece.column * COLUMN, TOP + piece.row * LINE
    letters, width = len(piece.text), len(piece.text) * COLUMN
    percent = animations.percent
    appears = animations.name(f"0%{{opacity:0}}{percent(piece.start)}{{opacity:1}}")
    text = html.escape(piece.text, quote=False).replace(" ", "\xa0")
    drawn = f'<text class="{appears}" x="{x:.1f}" y="{y + FONT}" textLength="{width:.1f}"{piece.style}>{text}</text>'
    if not piece.end:
        return drawn
    covers = animations.name(
        f"0%{{opacity:0}}{percent(piece.start - BEFORE_TYPING)}{{opacity:1}}{percent(piece.end)}{{opacity:0}}"
    )
    moves = animations.name(
        f"0%,{percent(piece.start)}{{transform:none}}{percent(piece.end)},100%{{transform:translateX({width:.1f}px)}}",
        f"steps({letters})",
    )
    return drawn + (
        f'<g class="cover {covers}"><g class="{moves}">'
        f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{LINE - 1}" fill="{BACKGROUND}"/>'
        f'<rect x="{x:.1f}" y="{y + 1}" width="{COLUMN}" height="{LINE - 3}" fill="{FOREGROUND}"/></g></g>'
    )


def scroll(rows: list[float], animations: Animations) -> str:
    """The class that moves the lines up, so that the last one begun is always in the window."""
    steps = "".join(
        f"{animations.percent(second)}{{transform:translateY({LINE * (ROWS - 1 - row)}px)}}"
        for row, second in enumerate(rows)
        if row >= ROWS
    )
    return animations.name("0%{transform:none}" + steps)


def draw(screen: Screen) -> str:
    """The animated SVG."""
    animations = Animations(screen.clock + END)
    body = "\n".join(draw_piece(piece, animations) for piece in screen.pieces if piece.text.strip())
    scrolls = scroll(screen.rows, animations)
    last = LINE * min(ROWS - len(screen.rows), 0)
    width, height = int(2 * LEFT + WIDTH * COLUMN), TOP + ROWS * LINE + 12
    dots = "".join(f'<circle cx="{20 + 18 * i}" cy="18" r="5.5" fill="#484f58"/>' for i in range(3))
    style = (
        f"text{{font:{FONT}px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace}}"
        f".cover{{opacity:0}}#lines{{transform:translateY({last}px)}}{''.join(animations.styles)}"
        "@media(prefers-reduced-motion:reduce){*{animation:none!important}}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img"><title>{html.escape(TITLE)}</title>\n<style>{style}</style>\n'
        f'<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="8" fill="{BACKGROUND}" stroke="#30363d"/>'
        f'{dots}<clipPath id="window"><rect y="{TOP}" width="{width}" height="{ROWS * LINE + 4}"/></clipPath>\n'
        f'<g clip-path="url(#window)" fill="{FOREGROUND}"><g id="lines" class="{scrolls}">\n{body}\n</g></g></svg>\n'
    )


def shown(svg: str) -> str:
    """The words of a picture."""
    return html.unescape(" ".join(re.findall(r"<text[^>]*>(.*?)</text>", svg, re.S))).replace("\xa0", " ")


def main(target: Path = HERE) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(os.path.realpath(folder))
        (home / "shop").mkdir()
        (home / ".config/lkr").mkdir(parents=True)
        (home / ".config/lkr/config.toml").write_text("agent_ancestors = false\n")
        value = "sk-proj-" + secrets.token_hex(20)
        (home / "shop/.env").write_text(f"OPENAI_API_KEY={value}\n")
        session = Session(home)
        for line in TYPED:
            session.run(line)
        session.child.close(force=True)
        text = "".join(event.text for event in session.events)
        if text.count(value) != 1 or session.passphrase in text:  # `cat .env` shows it, and nothing else
            raise SystemExit("a value came onto the screen")
        screen = Screen()
        for event in session.events:
            event.text = event.text.replace(str(home), "/home/me").replace(value, "sk-proj-" + "•" * 20)
            screen.add(event)
        (target / NAME).write_text(draw(screen), encoding="utf-8")


if __name__ == "__main__":
    main()
