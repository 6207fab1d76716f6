"""`lkr gen TEMPLATE`: fills an `.env.example`, or `{{lkr:provider:label}}` in any text, into a private file."""

import json
import os
import re

from lkrshell.cli import ask, common, declare
from lkrshell.core.errors import REFUSED, USAGE, LkrError
from lkrshell.core.text import show
from lkrshell.state import files, index
from lkrshell.system import git
from lkrshell.vendors import providers

_PLACE = re.compile(r"\{\{\s*lkr:([^{}\s]*)\s*\}\}")
_LINE = re.compile(r"(\s*(?:export\s+)?)([A-Za-z_][A-Za-z0-9_]*)(\s*=\s*)(.*)")
_ENDINGS = (".example", ".template", ".sample", ".tmpl", ".dist")


@declare.command("gen")
@declare.argument("template")
@declare.option("-o", "--output", help="The file to write; default: TEMPLATE without .example or .template.")
@declare.option("--force", is_flag=True, help="Without a terminal, over a file that is there, or one that git tracks.")
@declare.option("--json", "as_json", is_flag=True, help="As JSON: the file, and which keys went where.")
def command(template: str, output: str | None, force: bool, as_json: bool) -> None:
    """Write TEMPLATE with the keys' values in it. `lkr exec` needs no such file."""
    path = output or _default(template)
    there = os.path.abspath(path)
    if not force and not ask.on_terminal():
        raise common.refused("no terminal, and this writes keys to a file in clear", "say --force", project=there)
    text = _read(template)
    if not force and git.tracks(path):
        raise LkrError(f"git tracks {show(path)}", "write another file, or say --force", REFUSED)
    if not force and os.path.lexists(path):
        raise LkrError(f"{show(path)} is there already", "write another file, or say --force", REFUSED)
    filled, used = _fill(text, path)
    common.log("gen", *dict.fromkeys(name for _, name in used), project=there)
    try:
        files.replace_file(there, filled.encode("utf-8", "surrogateescape"), 0o600, *os.path.split(there))
    except OSError as error:
        raise LkrError(f"cannot write {show(path)}: {error.strerror}") from None
    if as_json:
        keys = [{"place": place, "name": name} for place, name in used]
        declare.echo(json.dumps({"file": there, "keys": keys, "git_sees": git.sees(path)}, indent=2))
    for variable, name in [] if as_json else used:
        declare.echo(f"  {show(variable)} ← {name}", err=True)
    declare.echo(f"lkr: wrote {show(path)} with {len(used)} values, for you alone to read", err=True)
    if git.sees(path):
        declare.echo(f"lkr: git does not ignore {show(path)}: add it to .gitignore", err=True)


def _default(template: str) -> str:
    for ending in _ENDINGS:
        if template.endswith(ending) and os.path.basename(template) != ending:
            return template.removesuffix(ending)
    raise LkrError("which file is to be written?", "say -o FILE", USAGE)


def _read(template: str) -> str:
    try:
        with open(template, "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise LkrError(f"cannot read {show(template)}: {error.strerror}") from None


def _fill(text: str, path: str) -> tuple[str, list[tuple[str, str]]]:
    """The text with values, and (place, key) of each."""
    wanted = [common.checked_key(name) for name in _PLACE.findall(text)]
    by_line = {}
    if not wanted:
        store_names = index.names(common.store().name)
        for line in text.split("\n"):
            if (match := _LINE.match(line)) and (name := _key_of(match[2], store_names)):
                by_line[match[2]] = name
    values = _values([*wanted, *by_line.values()])
    if wanted:
        quote = _json if path.endswith((".json", ".jsonc", ".json5")) else str
        filled = _PLACE.sub(lambda match: quote(values[match[1]]), text)
        return filled, [(f"{{{{lkr:{name}}}}}", name) for name in dict.fromkeys(wanted)]

    def line_of(line: str) -> str:
        match = _LINE.match(line)
        if not match or match[2] not in by_line:
            return line
        return match[1] + match[2] + "=" + _dotenv(values[by_line[match[2]]])

    return "\n".join(map(line_of, text.split("\n"))), list(by_line.items())


def _key_of(variable: str, stored: list[str]) -> str | None:
    """The one stored key whose provider has this variable. LkrError that names them when there are several."""
    owners = providers.providers_of(variable)
    fits = [name for name in stored if name.partition(":")[0] in owners]
    fits = [name for name in fits if (entry := index.read(common.store().name, name)) and entry.kind == "runtime"]
    if len(fits) > 1:
        raise LkrError(f"{variable} could be {', '.join(fits)}", f"write {variable}={{{{lkr:NAME}}}} in the template")
    return fits[0] if fits else None


def _values(wanted: list[str]) -> dict[str, str]:
    secrets = common.store().get(list(dict.fromkeys(wanted)))
    for name in wanted:
        if name not in secrets:
            raise LkrError(f"not stored: {name}", f"lkr set {name}; nothing was written")
        if secrets[name].kind == "admin":
            raise common.refused(f"{name} is an admin key: it never goes into a template", "nothing was written", name)
    return {name: secret.reveal() for name, secret in secrets.items()}


def _json(value: str) -> str:
    return json.dumps(value)[1:-1]


def _dotenv(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_./:@%+=,-]*", value):
        return value
    if "'" not in value:
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
