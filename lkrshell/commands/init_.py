"""`lkr init`: writes a manifest, from the keys stored, an `.env` or an `.env.example` it finds."""

import os
import re

import click

from lkrshell import index, names, project, providers
from lkrshell.commands import allow_, common
from lkrshell.commands.add_ import write_manifest
from lkrshell.errors import LkrError

_LINE = re.compile(r"\s*(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=")


@click.command("init")
def command() -> None:
    """Write a .lkr.toml for this folder: names only, from .env.example, .env, or the keys you stored."""
    folder = project.current_folder()
    path = os.path.join(folder, project.MANIFEST)
    if os.path.lexists(path):
        raise LkrError("there is a .lkr.toml here already", "add to it: lkr add VARIABLE=provider:label")
    store = common.store()
    stored = index.names(store.name)
    entries = _from_env(folder, stored) or _from_store(store.name, stored)
    lines = ["version = 1", "", "[keys]"]
    lines += [f'{variable} = "{key}"' for variable, key in entries.items()]
    if not entries:
        lines.append('# OPENAI_API_KEY = "openai:prod"')
    place, text = project.Place(folder), "\n".join(lines) + "\n"
    write_manifest(path, text)
    allow_.record_written(place, text)
    click.echo(f"lkr: wrote .lkr.toml with {len(entries)} keys, and allowed it", err=True)
    for key in entries.values():
        if key not in stored:
            click.echo(f"lkr: {key} is not stored yet: lkr set {key}", err=True)


def _from_env(folder: str, stored: list[str]) -> dict[str, str]:
    """Variables of an env file that look like keys; their values are not read further than the `=`."""
    for name in (".env.example", ".env.sample", ".env"):
        text = project.read_text(os.path.join(folder, name))
        if not text.startswith(project.TEXT):
            continue
        found = {}
        for line in text[1:].splitlines():
            match = _LINE.match(line)
            key = providers.key_for(match[1]) if match else None
            if match and key and names.is_key(key) and not names.changes_programs(match[1]):
                same = [each for each in stored if each.startswith(key.partition(":")[0] + ":")]
                found[match[1]] = same[0] if len(same) == 1 else key
        if found:
            return found
    return {}


def _from_store(store: str, stored: list[str]) -> dict[str, str]:
    entries: dict[str, str] = {}
    for key in stored:
        entry = index.read(store, key)
        if entry and entry.kind == "runtime" and (variable := providers.variable_of(key)):
            entries.setdefault(variable, key)
    return entries
