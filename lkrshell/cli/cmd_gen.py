"""`lkr gen TEMPLATE`: writes a private file from an `.env.example`, or from a text with `{{lkr:provider:label}}`."""

import json
import os
import re

from lkrshell.cli import ask, common, declare
from lkrshell.core import names, policy
from lkrshell.core.binding import Binding, shown
from lkrshell.core.errors import REFUSED, USAGE, LkrError
from lkrshell.core.text import show
from lkrshell.project import lookup, project_files
from lkrshell.runtime import execute, import_plan, session, source_fetch
from lkrshell.state import config, index, paths
from lkrshell.system import git
from lkrshell.vendors import providers

_PLACE = re.compile(r"\{\{\s*lkr:([^{}\s]*)\s*\}\}")
_LINE = re.compile(r"(\s*(?:export\s+)?)([A-Za-z_][A-Za-z0-9_]*)(\s*=\s*)(.*)")
_ENDINGS = (".example", ".template", ".sample", ".tmpl", ".dist")


@declare.command("gen", examples=("lkr gen .env.example", "lkr gen config.json.template -o config.json"))
@declare.argument("template")
@declare.option(
    "-o", "--output", metavar="FILE", help="Write to FILE. Default: TEMPLATE without .example or .template."
)
@declare.option(
    "--force", is_flag=True, help="Also write without a terminal, over an existing file, or over one that git tracks."
)
@declare.option("--json", "as_json", is_flag=True, help="Print the file's name and its keys as JSON.")
def command(template: str, output: str | None, force: bool, as_json: bool) -> None:
    """Fill TEMPLATE with the keys' values. For a program that reads variables, use lkr exec instead.

    TEMPLATE is a text with places such as {{lkr:openai:prod}}, or an env file whose variables the project's manifest
    names. lkr asks before it uses a key that no allowed manifest here names.
    """
    if output == "-":
        raise LkrError("gen writes values to a private file only", "name a file, or use lkr exec -- COMMAND", USAGE)
    path = output or _default(template)
    there = os.path.abspath(path)
    if not force and not ask.on_terminal():
        raise common.refused(
            "this writes keys to a file in plain text, and there is no terminal to ask on", "add --force", project=there
        )
    text = _read(template)
    if not force and git.tracks(path):
        raise LkrError(f"git tracks {show(path)}", "write to another file, or add --force", REFUSED)
    if not force and os.path.lexists(path):
        raise LkrError(f"{show(path)} already exists", "write to another file, or add --force", REFUSED)
    bindings, folder = _project()
    used = _used(text, bindings)
    if not used:
        hint = "write {{lkr:NAME}}, or VARIABLE= for a variable of the manifest"
        raise LkrError(f"{show(template)} names no key", f"{hint}; nothing was written")
    _agree([key for _, key in used], bindings, there)
    values = _values(used, folder, there, {binding.key for binding in bindings if binding.via})
    by_place = {place: values[key] for place, key in used}
    common.log("gen", *dict.fromkeys(key for _, key in used), project=there)
    _write(path, _fill(text, by_place, path))
    if as_json:
        keys = [{"place": place, "name": shown(name)} for place, name in used]
        declare.echo_json({"file": there, "keys": keys, "git_sees": git.sees(path)})
    for variable, name in [] if as_json else used:
        declare.echo(f"  {show(variable)} ← {shown(name)}", err=True)
    wrote = common.count(len(used), "value", "values")
    declare.echo(f"lkr: wrote {show(path)} with {wrote}; only you can read it", err=True)
    if git.sees(path):
        declare.echo(f"lkr: git does not ignore {show(path)}: add it to .gitignore", err=True)


def _default(template: str) -> str:
    for ending in _ENDINGS:
        if template.endswith(ending) and os.path.basename(template) != ending:
            return template.removesuffix(ending)
    if not os.path.lexists(template):
        raise LkrError(f"cannot read {show(template)}: No such file or directory")
    raise LkrError(f"{show(template)} does not say which file to write", "name it: -o FILE", USAGE)


def _read(template: str) -> str:
    data = project_files.read(*project_files.root_of(template))
    if data is None:
        raise LkrError(f"cannot read {show(template)}: No such file or directory")
    return data.decode("utf-8", "surrogateescape")


def _write(path: str, text: str) -> None:
    """Writes the file, 0600, without following a link out of the project."""
    folder, name = project_files.root_of(path)
    project_files.replace(folder, name, text.encode("utf-8", "surrogateescape"), 0o600)


def _project() -> tuple[list[Binding], str | None]:
    """The bindings of the current project, as for `lkr exec`, and its real folder; nothing outside of a project."""
    if lookup.find(lookup.current_folder()) is None:
        return [], None
    bindings, folder, _ = execute.project_bindings()
    return [binding for binding in bindings if not binding.commands], folder


def _used(text: str, bindings: list[Binding]) -> list[tuple[str, str]]:
    """The placeholders `{{lkr:…}}` of the template, each with its key. If there are none, the variables of an env
    file."""
    if named := dict.fromkeys(_PLACE.findall(text)):
        return [(f"{{{{lkr:{name}}}}}", common.stored_name(name)) for name in named]
    variables = dict.fromkeys(match[2] for line in text.split("\n") if (match := _LINE.match(line)))
    store = common.store()
    keys = {binding.variable: binding.key for binding in bindings if not binding.optional or store.exists(binding.key)}
    stored = [] if bindings else import_plan.runtime_keys(store)
    found = {variable: keys.get(variable) or _only(variable, stored) for variable in variables}
    return [(variable, key) for variable, key in found.items() if key]


def _only(variable: str, stored: list[str]) -> str | None:
    """Outside of a project: the stored key whose provider has this variable. LkrError with their names if there are
    several."""
    owners = providers.providers_of(variable)
    fits = [name for name in stored if names.provider_of(name) in owners]
    if len(fits) > 1:
        raise LkrError(f"{variable} could be {', '.join(fits)}", f"write {variable}={{{{lkr:NAME}}}} in the template")
    return fits[0] if fits else None


def _agree(keys: list[str], bindings: list[Binding], there: str) -> None:
    """Asks about keys that no allowed manifest here names, since a template in a repository may name any key."""
    more = [key for key in dict.fromkeys(keys) if key not in {binding.key for binding in bindings}]
    if not more:
        return
    what = f"no allowed manifest here names {' '.join(map(shown, more))}"
    if not ask.on_terminal():
        raise common.refused(what, "run it on a terminal, or add them: lkr add VARIABLE=NAME", *more, project=there)
    declare.echo(f"lkr: {what}", err=True)
    ask.agree(f"Write the values of all of these into {show(there)}?")


def _values(used: list[tuple[str, str]], folder: str | None, there: str, virtual: set[str]) -> dict[str, str]:
    """The values by key. Each key's policy must allow the project and the folder that the file will be in.

    The manifest gives the keys in `virtual` through the broker.
    """
    target, store = paths.real(os.path.dirname(there)), common.store()
    bindings = [Binding(place, key) for place, key in used]
    for binding in bindings:
        entry = index.read(store.name, binding.key)
        if reason := policy.wrong_folder(entry, target):
            raise common.refused(reason, "nothing was written", binding.key, project=there)
        if entry and entry.kind == "admin":
            message = f"{binding.key} is an admin key: lkr never writes it to a file"
            raise common.refused(message, "nothing was written", binding.key, project=there)
        if binding.key in virtual or (entry and entry.via == "broker"):
            message = f"{binding.key} is used only through the broker, so lkr does not write it to a file"
            raise common.refused(message, "lkr exec -- COMMAND gives a virtual key", binding.key, project=there)
    consumer = policy.Consumer("exec", folder or target, None)
    recorder, fill = common.recorder(consumer.folder), source_fetch.filler(store)
    found = session.fetch_asking(store, bindings, consumer, config.load(), recorder, require_all=True, fill=fill)
    return {binding.key: secret.reveal() for binding, secret, _ in found.loaded}


def _fill(text: str, values: dict[str, str], path: str) -> str:
    """The text, with the values put at their places or variables."""
    quote = _json if path.endswith((".json", ".jsonc", ".json5")) else str
    if _PLACE.search(text):
        return _PLACE.sub(lambda match: quote(values[f"{{{{lkr:{match[1]}}}}}"]), text)

    def line_of(line: str) -> str:
        match = _LINE.match(line)
        value = values.get(match[2]) if match else None
        return match[1] + match[2] + "=" + _dotenv(value) if match and value is not None else line

    return "\n".join(map(line_of, text.split("\n")))


def _json(value: str) -> str:
    return json.dumps(value)[1:-1]


def _dotenv(value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9_./:@%+=,-]*", value):
        return value
    if "'" not in value:
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
