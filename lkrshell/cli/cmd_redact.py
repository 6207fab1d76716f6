"""`lkr redact`: copies standard input to standard output, without the stored values."""

import json
import os
import select
import sys

from lkrshell.cli import common, declare
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.project import lookup
from lkrshell.scan import stored
from lkrshell.scan.text import in_strings
from lkrshell.scan.values import Redactor, Values
from lkrshell.state import paths

_BLOCK = 1 << 20  # bytes
_IDLE = 0.05  # seconds without input after which a prompt is passed on
_MOST = 64 << 20  # bytes of a hook's input


@declare.command("redact", examples=("npm test 2>&1 | lkr redact", "lkr redact < build.log > build.redacted.log"))
@declare.option(
    "--hook",
    type=declare.Choice(["claude"]),
    metavar="AGENT",
    help="Act as the PostToolUse hook of Claude Code: claude.",
)
def command(hook: str | None) -> None:
    """Replace stored keys in standard input with [lkr NAME]. Finds them in base64, JSON and URLs too."""
    if sys.stdin.isatty():
        raise LkrError("there is nothing to redact", "pipe something to it: npm test 2>&1 | lkr redact", USAGE)
    values = Values(stored.values())
    common.log("redact", project=paths.real(lookup.current_folder()))
    if hook:
        _answer(values)
    else:
        _pass_on(values)


def _pass_on(values: Values) -> None:
    redactor = Redactor(values, even=bool(common.agent()))
    while True:
        if redactor.holds and not select.select([0], [], [], _IDLE)[0]:
            declare.write(redactor.idle())
            select.select([0], [], [])
        data = os.read(0, _BLOCK)
        if not data:
            break
        declare.write(redactor.feed(data))
    declare.write(redactor.rest())


def _answer(values: Values) -> None:
    """Prints what Claude Code should use as a tool's result if that contains a key. It must have the same shape.

    Source: code.claude.com/docs/en/hooks, PostToolUse.
    """
    data = sys.stdin.buffer.read(_MOST + 1)
    try:
        event = json.loads(data) if len(data) <= _MOST else None
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise LkrError("standard input is not what Claude Code gives a hook", "see docs/scan.md", USAGE)
    before = event.get("tool_response")
    after = in_strings(before, lambda text: _redacted(text, values))
    if after != before:
        answer = {"hookEventName": "PostToolUse", "updatedToolOutput": after}
        declare.echo_json({"hookSpecificOutput": answer}, indent=None)


def _redacted(text: str, values: Values) -> str:
    redactor = Redactor(values)
    return (redactor.feed(text.encode("utf-8", "surrogatepass")) + redactor.rest()).decode("utf-8", "surrogatepass")
