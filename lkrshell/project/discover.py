"""Finds the keys that a project's files mention: its env files, and code that reads a provider's variable.

It reads names only, and within limits, since a repository may be large.
"""

import os
import re
import time
from collections.abc import Iterator

from lkrshell.core.errors import LkrError
from lkrshell.project import project_files
from lkrshell.system import git
from lkrshell.vendors import providers

ENV_FILES = (".env.example", ".env.sample", ".env")
_LINE = re.compile(r"\s*(?:export\s+)?([A-Z][A-Z0-9_]*)\s*=")
_NAME = rb"([A-Z][A-Z0-9_]{2,99})\b"
_PLAIN = re.compile(rb"\b" + _NAME)
_CODE = re.compile(
    rb"(?:environ(?:\.get)?\s*[\[(]|getenv\s*\(|Getenv\s*\(|LookupEnv\s*\(|GetEnvironmentVariable\s*\(|process\.env\s*\??\."
    rb"|process\.env\s*\[|import\.meta\.env\.|ENV\s*\[|ENV\.fetch\s*\(|env::var(?:_os)?\s*\(|env!\s*\(|Deno\.env\.get\s*\("
    rb"|\$\{?|^[ \t]*(?:ENV|ARG)[ \t]+)\s*['\"`]?" + _NAME,
    re.M,
)  # the last is a Dockerfile's
_UNPACKED = re.compile(rb"\{([^{}]{1,1000})\}\s*=\s*(?:process|import\.meta)\.env\b")  # const { NAME } = process.env
_COMPOSE = re.compile(
    rb"^[ \t]*(?:-[ \t]*)?['\"]?" + _NAME + rb"['\"]?[ \t]*(?:[=:]|\r?$)", re.M
)  # environment: - NAME
_SUFFIXES = tuple(
    """.py .ipynb .js .mjs .cjs .ts .mts .tsx .jsx .vue .svelte .go .rs .rb .java .kt .php .cs .swift .sh .bash .zsh
    .yml .yaml .toml""".split()
)
_NAMES = ("Dockerfile", "Makefile", "Procfile", "justfile", ".envrc")
_PASSED_OVER = {"node_modules", "venv", "target", "dist", "build", "vendor", "__pycache__", "site-packages"}
_MOST_FILES, _MOST_BYTES, _MOST_SECONDS = 5000, 1 << 18, 2.0


def variables(folder: str) -> dict[str, str]:
    """Variables that look like keys, each with the file where it was first found. Env files come before code."""
    found: dict[str, str] = {}
    for name in ENV_FILES:
        for line in _read(folder, name, project_files.LIMIT).decode("utf-8-sig", "surrogateescape").splitlines():
            match = _LINE.match(line)  # only up to the `=`
            if match and providers.may_hold_a_key(match[1]):
                found.setdefault(match[1], name)
    end = time.monotonic() + _MOST_SECONDS
    for number, name in enumerate(code_files(folder)):
        if number >= _MOST_FILES or time.monotonic() > end:
            break
        for variable in _read_by(folder, name):
            plain = providers.providers_of(variable) or variable.endswith("_API_KEY")
            if plain and variable not in found and providers.may_hold_a_key(variable):
                found[variable] = name
    return found


def code_files(folder: str) -> Iterator[str]:
    """The names of the folder's code files, relative to it: those that git tracks or would add; without git, all."""
    listed = git.files(folder)
    for name in _walk(folder) if listed is None else listed:
        if name.endswith(_SUFFIXES) or os.path.basename(name) in _NAMES or "." not in os.path.basename(name):
            yield name


def _walk(folder: str) -> Iterator[str]:
    for parent, folders, entries in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _PASSED_OVER]
        for entry in entries:
            yield os.path.relpath(os.path.join(parent, entry), folder)


def _read(folder: str, name: str, limit: int) -> bytes:
    """The beginning of the file. Empty if there is none, or if a link leads out of the folder."""
    try:
        return project_files.read(folder, name, limit, whole=False) or b""
    except (LkrError, ValueError):
        return b""


def _read_by(folder: str, name: str) -> list[str]:
    text = _read(folder, name, _MOST_BYTES)
    base = os.path.basename(name)
    if "." not in base and base not in _NAMES and not text.startswith(b"#!"):
        return []
    matches = list(_CODE.finditer(text))
    for unpacked in _UNPACKED.finditer(text):
        matches += _PLAIN.finditer(text, *unpacked.span(1))
    if name.endswith((".yml", ".yaml")):
        matches += _COMPOSE.finditer(text)
    return [match[1].decode("ascii") for match in sorted(matches, key=re.Match.start)]
