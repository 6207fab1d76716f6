"""`lkr source`: shows, adds and removes the shared stores that keys come from."""

import time

from lkrshell.cli import common, declare, output, prompts
from lkrshell.core import names
from lkrshell.core.errors import USAGE, LkrError
from lkrshell.core.text import show
from lkrshell.runtime import source_fetch
from lkrshell.sources import cache, edit, programs, refresh, registry, settings
from lkrshell.sources.settings import Settings
from lkrshell.state import generation, index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@declare.group("source")
def command() -> None:
    """Show, add and remove sources: the shared stores of a team."""


@command.command("list", examples=("lkr source", "lkr source --json"))
@declare.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_(as_json: bool) -> None:
    """List the sources. Shows where each is, how many of its keys are here, and how long the login lasts."""
    store = common.store().name
    rows = [_row(store, found) for found in settings.every().values()]
    if as_json:
        declare.echo_json(rows)
        return
    if not rows:
        declare.echo("lkr: no sources yet; add one: lkr source add team openbao https://HOST:8200", err=True)
        return
    cells = [
        (row["name"], row["type"], show(row["place"]), str(row["copies"]), _login(row), show(row["problem"] or "-"))
        for row in rows
    ]
    declare.echo(output.table(("NAME", "TYPE", "WHERE", "KEYS HERE", "LOGIN", "PROBLEM"), cells), nl=False)


command.default = "list"


def _row(store: str, found: Settings) -> "dict[str, Any]":
    copies = [entry for name in index.copies(store, found.name) if (entry := index.read(store, name)) and entry.end]
    last = refresh.last(found.name)
    until = cache.login_until(found.name)
    return {
        "name": found.name,
        "type": found.type,
        "place": found.place(),
        "copies": len(copies),
        "oldest": min((entry.fetched for entry in copies), default=None),
        "logged_in": until is not None if found.type == "openbao" else None,
        "login_until": until or None,
        "asked": last[0] if last else None,
        "problem": (f"{last[1]}; {last[2]}" if last[2] else last[1]) or None if last else None,
    }


def _login(row: "dict[str, Any]") -> str:
    if row["logged_in"] is None:
        return "-"
    left = (row["login_until"] or 0) - int(time.time())
    if not row["logged_in"] or (row["login_until"] and left <= 0):
        return f"none: lkr login {row['name']}"
    return f"for {output.span(left)}" if row["login_until"] else "without end"


@command.command(
    "add",
    examples=(
        "lkr source add team openbao https://bao.example:8200 --mount kv --auth userpass",
        "lkr source add cloud aws eu-central-1 --prefix llm",
    ),
)
@declare.argument("new", metavar="NAME")
@declare.argument("kind", metavar="TYPE")
@declare.argument("words", nargs=-1, metavar="[ADDRESS]")
@declare.option("--mount", metavar="NAME", help="The engine, vault or project that holds the keys.")
@declare.option("--prefix", metavar="PATH", help="The path there before PROVIDER/LABEL.")
@declare.option("--auth", metavar="HOW", help="token, userpass, approle, jwt, oidc or kubernetes.")
@declare.option("--cache", metavar="TIME", help="How long a copy is fresh: 30m, 8h (the default), or 0 for no copies.")
@declare.option("--grace", metavar="TIME", help="How much longer to use a copy if the source does not answer: 24h.")
@declare.option(
    "--set", "more", multiple=True, metavar="FIELD=VALUE", help="Another field, such as ca. May be repeated."
)
@declare.option("--yes", is_flag=True, help="Do not ask.")
def add(
    new: str, kind: str, words: tuple[str, ...], mount: str | None, prefix: str | None, auth: str | None,
    cache: str | None, grace: str | None, more: tuple[str, ...], yes: bool,
) -> None:  # fmt: skip
    """Add the source NAME to config.toml. TYPE is openbao (also for HashiCorp Vault), aws, op, bw, pass,
    gopass, doppler, infisical, gcloud, az or command.

    ADDRESS is the server's address, the AWS region, the vault or project in the password manager, or a
    command, which may contain {provider} and {label}.
    """
    table = _table(kind, words)
    given = {"mount": mount, "prefix": prefix, "auth": auth, "cache": cache, "grace": grace}
    table |= {field: text for field, text in given.items() if text is not None}
    for pair in more:
        field, equals, value = pair.partition("=")
        if not equals:
            raise LkrError("that is not FIELD=VALUE", "write --set ca=/etc/ssl/company.pem", USAGE)
        table[field] = value
    _add(new, table, yes)


def _table(kind: str, words: tuple[str, ...]) -> "dict[str, Any]":
    """Returns the settings that the type and the words after it describe."""
    table: dict[str, Any] = {"type": kind}
    if kind == "command":
        if words:
            table["read"] = [programs.find(words[0]), *words[1:]]
        return table
    if len(words) > 1:
        raise LkrError("only a command has more than one word", "see lkr source add --help", USAGE)
    if registry.is_program(kind):
        table["program"] = programs.find(registry.program_of(kind))
    if words:
        is_address = (kind not in ("aws",) and not registry.is_program(kind)) or "://" in words[0]
        table["address" if is_address else "region" if kind == "aws" else "mount"] = words[0]
    return table


def _add(name: str, table: "dict[str, Any]", yes: bool) -> None:
    found = settings.parse(name, table, "")
    if name in settings.user_table():
        raise LkrError(f"there is already a source {name}", f"lkr source rm {name} first; nothing was changed")
    prompts.tell_source(found)
    prompts.yes(f"Add the source {name}?", yes)
    edit.add(name, table)
    edit.confirm(found)
    common.log("source")
    if hint := registry.is_installed(found.type):
        declare.echo(f"lkr: {found.type} needs an extra of lkr; {hint}", err=True)
    follow = f"log in: lkr login {name}" if found.type == "openbao" else f"name its keys {name}/provider:label"
    declare.echo(f"lkr: added the source {name}; {follow}", err=True)


@command.command("rm", examples=("lkr source rm team", "lkr source rm team --yes"))
@declare.argument("source", metavar="NAME")
@declare.option("--yes", is_flag=True, help="Do not ask.")
def rm(source: str, yes: bool) -> None:
    """Remove the source NAME, its login, and the copies of its keys here. The source itself stays as it is."""
    if not names.is_source(source):
        raise LkrError(f"{names.redacted(source)} is not the name of a source", "see lkr source", USAGE)
    store = common.store()
    copies = index.copies(store.name, source)
    if source not in settings.user_table() and not copies:
        hint = common.did_you_mean(source, list(settings.user_table()), "see lkr source")
        raise LkrError(f"you have no source {source}", hint)
    prompts.yes(f"Remove the source {source}, and {common.count(len(copies), 'copy', 'copies')} of its keys?", yes)
    source_fetch.end_leases(source_fetch.take_leases(store, source))
    cache.forget(store, source)
    edit.remove(source)
    refresh.forget_state(source)
    generation.bump()
    common.log("source", *copies)
    declare.echo(f"lkr: removed the source {source}", err=True)
