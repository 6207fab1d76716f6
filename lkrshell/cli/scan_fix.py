"""`lkr scan --fix`: stores keys, one by one, and removes them from the places where they were found. Each step asks
first."""

import json
import os
import re
import sys
import webbrowser

from lkrshell.cli import ask, common, declare, importing, prompts, scan_output
from lkrshell.core import folders, names
from lkrshell.core.errors import REFUSED, LkrError
from lkrshell.core.text import quoted, show
from lkrshell.project import approve, envfile, lookup, manifest_text, project_files
from lkrshell.runtime import keys
from lkrshell.scan import findings
from lkrshell.scan.findings import Finding
from lkrshell.scan.text import in_strings
from lkrshell.state import index
from lkrshell.vendors import providers

_ENV_FILE = re.compile(r"\.env(\..+)?|.+\.env|environment\.d/.+\.conf")
_HISTORY = re.compile(r".*(history|histfile|ConsoleHost_history.*)$")
_STARTUP = re.compile(
    r"\.?(bash_profile|bash_login|bash_aliases|bashrc|profile|zshrc|zshenv|zprofile|zlogin|envrc)|.+\.(sh|bash|zsh)"
)
_ASSIGNMENT = (
    rb"[ \t]*(?:(?:export|declare|typeset|readonly)[ \t]+(?:-\w+[ \t]+)*)?%s="
    rb"(?:'[^']*'|\"[^\"\\$`]*\"|[^\s;&|<>()'\"`$\\#]+)[ \t]*\r?"
)
_READ = {
    ".py": 'os.environ["{}"]', ".js": "process.env.{}", ".ts": "process.env.{}", ".mjs": "process.env.{}",
    ".rb": 'ENV["{}"]', ".go": 'os.Getenv("{}")', ".rs": 'std::env::var("{}")', ".sh": '"${}"', ".php": "getenv('{}')",
}  # fmt: skip


_NOTEBOOK_LIMIT = 64 << 20  # bytes


def fix(found: list[Finding], project: str) -> None:
    """Goes through the keys, worst first. Keys found in `project` can go into its manifest.

    LkrError (2) without a terminal.
    """
    if not ask.on_terminal():
        raise LkrError("--fix asks about each key, and there is no terminal", "run it on one", REFUSED)
    for group in findings.groups(found):
        declare.echo(f"\n{show(scan_output.label(group[0]))}", err=True)
        for each in group:
            declare.echo(f"  {show(each.where())}  {each.exposed()}", err=True)
        name = group[0].name.removesuffix(" (old value)") if group[0].kind == "stored" else _store(group)
        if name:
            here = [each for each in group if each.file and folders.within(each.file, project)]
            if names.is_key(name) and any(each.named or each.kind != "stored" for each in here):
                _name_it(group, name, lookup.find(project) or project)
            # bottom up, so that line numbers stay valid
            for each in sorted(group, key=lambda each: (each.file, -each.line)):
                _take_out(each, name)
            _revoke(group, name)


def _store(group: list[Finding]) -> str:
    """Stores the key if the person agrees. Returns its name, or an empty text."""
    store, provider = common.store(), re.sub(r"[^a-z0-9]+", "-", group[0].name.lower()).strip("-") or "secret"
    there = set(index.names(store.name))
    free = [f"{provider}:main", *(f"{provider}:found-{number}" for number in range(1, len(there) + 2))]
    name = next(each for each in free if each not in there)
    if not ask.confirm(f"Store it as {name}?"):
        return ""
    common.make_vault(store)
    keys.set_value(store, name, group[0].secret)
    common.log("set", name)
    declare.echo(f"lkr: stored {name}", err=True)
    return name


def _name_it(group: list[Finding], name: str, folder: str) -> None:
    """After a yes, names the key in the manifest of `folder` and allows the result. Other entries stay."""
    variable = next((each.named for each in group if each.named), "") or providers.variable_of(name) or ""
    place = lookup.Place(folder)
    try:
        if place.text == lookup.ABSENT:
            project_files.check_new(place)
        else:
            approve.check_allowed(place)
        text, own = manifest_text.with_keys(place, {variable: name}) if names.is_variable(variable) else ("", None)
        if not text or own is not None or text == place.text[1:]:
            return
        if why := providers.refusal(variable):
            raise LkrError(*why)
        if ask.confirm(f"Name it in {lookup.MANIFEST}, as {variable}?"):
            prompts.write_and_allow(place, text)
            declare.echo(f"lkr: added {variable} ← {name}, and allowed it", err=True)
    except LkrError as error:
        declare.echo(f"lkr: {lookup.MANIFEST} stays as it is: {error}", err=True)


def _take_out(each: Finding, name: str) -> None:
    """Removes the key from a file of a known kind, if the person agrees. Otherwise says what to do."""
    if not each.file or each.state in (findings.HISTORY, findings.PUSHED):
        return
    folder, base = os.path.split(each.file)
    if _ENV_FILE.fullmatch(base) and each.named:
        env = envfile.read(each.file)
        if each.named in env.values and ask.confirm(f"Take {each.named} out of {show(each.place)}?"):
            importing.comment_out(env, {each.named: name})
        return
    if base.endswith(".ipynb") and _clean_notebook(each, folder, base, name):
        return
    data = project_files.read(folder, base, alone=True) or b""
    lines = data.split(b"\n")
    line = lines[each.line - 1] if 0 < each.line <= len(lines) else b""
    pattern = _ASSIGNMENT % re.escape(each.named.encode())
    if each.secret.reveal().encode("utf-8", "surrogateescape") not in line:
        pass
    elif _HISTORY.fullmatch(base):
        if ask.confirm(f"Remove line {each.line} of {show(each.place)}?"):
            _write(folder, base, data, lines, each.line, None)
        return
    elif _STARTUP.fullmatch(base) and each.named and re.fullmatch(pattern, line):
        if ask.confirm(f"Take {each.named} out of line {each.line} of {show(each.place)}?"):
            _write(folder, base, data, lines, each.line, f": # {each.named} moved to lkr: {name}".encode())
        return
    variable = each.named or providers.variable_of(name) or "THE_VARIABLE"
    form = _READ.get(os.path.splitext(base)[1], "the variable {}").format(variable)
    code = f", or run: lkr import --code {quoted(each.place)}" if _code_changes(base, data, each.line) else ""
    declare.echo(f"lkr: edit {show(each.where())} yourself: it can read {form}{code}", err=True)


def _code_changes(base: str, data: bytes, line: int) -> bool:
    if not base.endswith(".py"):
        return False
    from lkrshell.project import python_code

    return python_code.takes_key_from(data, line)


def _clean_notebook(each: Finding, folder: str, base: str, name: str) -> bool:
    """Masks the key in a notebook's outputs, if the person agrees. False if it is still there, for example in a cell's
    code."""
    value = each.secret.reveal()
    data = project_files.read(folder, base, _NOTEBOOK_LIMIT, alone=True) or b""
    changed = False
    try:
        document = json.loads(data)
        for cell in document["cells"]:
            if "outputs" in cell:
                masked = in_strings(cell["outputs"], lambda text: text.replace(value, f"[lkr {name}]"))
                changed = changed or masked != cell["outputs"]
                cell["outputs"] = masked
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    if changed and ask.confirm(f"Mask the key in the outputs of {show(each.place)}?"):
        if project_files.read(folder, base, _NOTEBOOK_LIMIT, alone=True) != data:
            raise LkrError(f"{show(base)} has changed since lkr read it", "the key is stored; run this again")
        project_files.replace(folder, base, text.encode())
        data = text.encode()
    return json.dumps(value)[1:-1].encode() not in data


def _write(folder: str, name: str, before: bytes, lines: list[bytes], number: int, line: bytes | None) -> None:
    """Writes the file with the line replaced, or without it, unless it has changed since it was read."""
    if project_files.read(folder, name, alone=True) != before:
        raise LkrError(f"{show(name)} has changed since lkr read it", "the key is stored; run this again")
    fresh = [*lines[: number - 1], *([] if line is None else [line]), *lines[number:]]
    project_files.replace(folder, name, b"\n".join(fresh))


def _revoke(group: list[Finding], name: str) -> None:
    """Says that a key that is in git must be revoked, and opens the vendor's page."""
    if not any(each.state in (findings.HISTORY, findings.PUSHED, findings.TRACKED) for each in group):
        return
    provider = providers.known().get(names.provider_of(name))
    page = provider.docs if provider else ""
    new = f"lkr rotate {name}" if names.is_key(name) else f"lkr login {names.source_of(name)}"
    declare.echo(f"lkr: git keeps this key; revoke it at the vendor, then {new}: {page}", err=True)
    if page.startswith("https://") and ask.confirm("Open the vendor's page?"):
        sys.stdout.flush()
        webbrowser.open(page)
