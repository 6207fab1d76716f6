"""`lkr broker`: shows and controls the process that makes virtual keys work. It starts by itself when needed."""

import os
import time

from lkrshell.cli import common, declare, output
from lkrshell.core import limits
from lkrshell.core.binding import shown
from lkrshell.core.errors import UNREACHABLE, USAGE, LkrError
from lkrshell.core.text import show
from lkrshell.runtime import broker_client, broker_service, broker_start
from lkrshell.state import run_folder
from lkrshell.state.paths import tilde

_WAIT = 10.0  # seconds for the broker to start or to end


@declare.command("broker", examples=("lkr broker", "lkr broker log"))
@declare.argument(
    "action", required=False, metavar="[start|stop|log|run]", type=declare.Choice(("start", "stop", "log", "run"))
)
@declare.option("--stay", is_flag=True, help="With run: do not end after an hour without a virtual key.")
@declare.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(action: str | None, stay: bool, as_json: bool) -> None:
    """Show the broker and the virtual keys in use.

    The broker starts by itself when something needs it, and ends an hour after the last virtual key. start and stop
    do this by hand, log shows its log, and run keeps it in the foreground.
    """
    if stay and action != "run":
        raise LkrError("--stay works only with run", "lkr broker run --stay", USAGE)
    if action == "start":
        start()
    elif action == "stop":
        stop()
    elif action == "log":
        declare.write(show_log())
    elif action == "run":
        run(stay)
    else:
        tell(as_json)


def _start() -> None:
    folder = run_folder.open_folder()
    try:
        note = broker_start.start(folder)
    finally:
        os.close(folder)
    if note:
        declare.echo(f"lkr: {note}", err=True)


def start() -> None:
    """Starts the broker, and returns once it answers."""
    end = time.monotonic() + _WAIT
    starts = 0
    while time.monotonic() < end:
        rows = broker_client.ask("state")
        if rows:
            declare.echo(f"lkr: the broker listens on 127.0.0.1:{dict(_pairs(rows))['port']}", err=True)
            return
        if rows is None and starts < 2:  # a broker that was just killed may still look alive the first time
            starts += 1
            _start()
        time.sleep(0.02)
    raise LkrError("the broker did not start", "lkr broker log", UNREACHABLE)


def stop() -> None:
    """Ends the broker; kills it if it does not answer. Live virtual keys work again once it is started."""
    try:
        found = broker_service.stop(_WAIT)
    except LkrError:
        if not broker_client.kill():
            raise
        declare.echo("lkr: the broker did not answer, and was killed", err=True)
        return
    declare.echo("lkr: the broker has stopped" if found else "lkr: the broker is not running", err=True)


def run(stay: bool) -> None:
    """Becomes the broker. With `stay`, it runs until it is told to end."""
    folder = run_folder.open_folder()
    try:
        broker_service.become(folder)
        broker_start.start(folder, broker_start.run_and_stay if stay else broker_start.run)
    finally:
        os.close(folder)
    raise LkrError("a broker is already running", "lkr broker stop", UNREACHABLE)


def show_log() -> str:
    """What the broker wrote, made safe for a terminal."""
    try:
        folder = run_folder.open_folder(make=False)
    except FileNotFoundError:
        return ""
    try:
        data = run_folder.read(folder, run_folder.LOG, 1 << 21) or b""
    finally:
        os.close(folder)
    return "".join(f"{show(line)}\n" for line in data.decode("utf-8", "replace").splitlines())


def tell(as_json: bool) -> None:
    """Shows the broker and its virtual keys, with the program that each is for."""
    rows = broker_client.ask("state")
    agent = common.agent()
    keys = [[shown(row[1]), *row[2:]] for row in rows or () if row[0] == "key" and agent in (None, row[4])]
    facts = dict(_pairs(rows or ()))
    if "today" in facts:
        spent = limits.dollars(int(facts.pop("today")))
        if agent is None:  # an agent sees only its own project, with lkr usage
            facts["spent_today"] = spent
    if as_json:
        fields = ("name", "variable", "project", "agent", "event", "process", "made")
        virtual = [dict(zip(fields, [*row[:5], int(row[5]), int(row[6])], strict=True)) for row in keys]
        texts = ("version", "spent_today")
        numbers = {name: value if name in texts else int(value) for name, value in facts.items()}
        declare.echo_json({"runs": bool(rows), **numbers, "keys": virtual})
        return
    if rows is None:
        installed = "it starts when something needs it" if broker_start.is_installed() else broker_start.INSTALL
        declare.echo(f"the broker is not running; {installed}")
        return
    if not rows:
        declare.echo("the broker is starting")
        return
    since = max(0, int(time.time()) - int(facts.pop("since")))
    declare.echo(f"127.0.0.1:{facts.pop('port')}, process {facts.pop('pid')}, for {output.span(since)}")
    requests = common.count(int(facts.pop("requests")), "request", "requests")
    declare.echo(f"{requests} under way, {common.count(len(keys), 'virtual key', 'virtual keys')}")
    if "spent_today" in facts:
        declare.echo(f"${facts['spent_today']} spent today; lkr usage shows more")
    lines = [(row[0], row[1], show(tilde(row[2])), show(row[3]) or "-", f"{show(row[4])} {row[5]}") for row in keys]
    declare.echo(output.table(("KEY", "VARIABLE", "PROJECT", "AGENT", "FOR"), lines), nl=False)


def _pairs(rows: "list[list[str]] | tuple[()]") -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in rows if len(row) == 2]
