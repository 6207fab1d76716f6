"""`%load_ext lkrshell` in real Jupyter kernels: the keys are there, and no output of the .ipynb has a value."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import OTHER, VALUE, User

import lkrshell
from lkrshell.integrations import notebook

A, B = "OPENAI_API_KEY", "ANTHROPIC_API_KEY"
BOTH = f'{A} = "openai:prod"\n{B} = "anthropic:main"'
RUN = """
import sys, nbformat
from nbclient import NotebookClient
path, start = sys.argv[1:]
notebook = nbformat.read(path, 4)
NotebookClient(notebook, allow_errors=True, timeout=200, resources={"metadata": {"path": start}}).execute()
nbformat.write(notebook, path)
"""


def execute(
    user: User, path: Path, cells: list[str], start: Path | None = None, more: dict[str, str] | None = None
) -> list[str]:
    """Runs the cells in a kernel of their own that starts in the folder `start`; the outputs of each, as JSON."""
    cells_json: list[dict[str, object]] = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": text, "outputs": [], "execution_count": None}
        for n, text in enumerate(cells)
    ]
    path.write_text(json.dumps({"cells": cells_json, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    env = {**user.env, **(more or {})}
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(path), str(start or path.parent)],
        env=env, cwd=user.home, capture_output=True, text=True, timeout=290, start_new_session=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.dumps(cell["outputs"], ensure_ascii=False) for cell in json.loads(path.read_text())["cells"]]


SHOWN = {
    "print": "print(key)",
    "print to stderr": "import sys; print(key, file=sys.stderr)",
    "in pieces": "import sys, time\nfor c in key:\n    print(c, end='', flush=True)\nprint('')",
    "by a program": "import subprocess; print(subprocess.run(['env'], capture_output=True, text=True).stdout)",
    "by a shell": f"!echo ${A}",
    "of a file descriptor": "os.write(1, key.encode() + b'\\n'); import time; time.sleep(1)",
    "returned": "key",
    "returned in a structure": "{'deep': [key, (key,)]}",
    "the environment": "dict(os.environ)",
    "HTML": "from IPython.display import HTML, display\ndisplay(HTML(f'<b title=\"{key}\">{key}</b>'))",
    "Markdown and JSON": (
        "from IPython.display import JSON, Markdown\ndisplay(Markdown(f'**{key}**'), JSON({'key': [key]}))"
    ),
    "a rich object": (
        "class Rich:\n"
        "    def _repr_mimebundle_(self, include=None, exclude=None):\n"
        "        return {'text/plain': key, 'text/html': f'<i>{key}</i>', 'image/svg+xml': f'<text>{key}</text>'}\n"
        "Rich()"
    ),
    "a display that changes": "handle = display(1, display_id=True)\nhandle.update(key)",
    "raised": "raise ValueError(key)",
    "a traceback of nested calls": "def call(value):\n    return {}[value]\ncall(key)",
    "a warning": "import warnings; warnings.warn(key)",
    "logged": "import logging; logging.getLogger().error('key %s', key)",
    "base64": "import base64; print(base64.b64encode(key.encode()).decode())",
    "shortened": "import reprlib; print(reprlib.repr('-' * 30 + key)); reprlib.repr(key + '-' * 30)",
    "a pager": "import lkrshell\nsecret = key\nsecret?",
    "by a thread": "import threading\nt = threading.Thread(target=print, args=(key,))\nt.start(); t.join()",
    "of keys()": "with lkrshell.keys() as keys:\n    print(dict(keys), keys['OPENAI_API_KEY'])",
    "of get()": "print(lkrshell.get('anthropic:main').reveal())",
}


def test_no_output_of_any_kind_has_a_value(user: User) -> None:
    folder = user.project("p", BOTH)
    head = ["%load_ext lkrshell", f"import os\nkey = os.environ['{A}']\nlen(key)"]
    outputs = execute(user, folder / "leaks.ipynb", [*head, *SHOWN.values(), "'yes', 1 + 1"])
    assert f"lkr: {A} (openai:prod), {B} (anthropic:main)" in outputs[0]
    assert str(len(VALUE)) in outputs[1]
    for (name, code), output in zip(SHOWN.items(), outputs[2:-1], strict=True):
        assert "[lkr " in output or name == "a pager", (name, code, output)
    assert "('yes', 2)" in outputs[-1]
    text = (folder / "leaks.ipynb").read_text()
    for value in (VALUE, OTHER):
        assert value not in text
        assert value[4:] not in text and value[-10:] not in text and value[:10] not in text
    (row,) = [json.loads(line) for line in user.lkr("audit", "--json", "--event", "python").splitlines()][:1]
    assert row["keys"] == "openai:prod anthropic:main"


def test_output_that_only_begins_like_a_value_comes_whole_and_in_order(user: User) -> None:
    folder = user.project("p")
    cells = [
        "%load_ext lkrshell",
        "print('sk-', end='')",
        "for text in ('a s', 'k-', 'test', ' b'): print(text, end='')",
    ]
    outputs = execute(user, folder / "n.ipynb", cells)
    assert '"sk-"' in outputs[1]
    assert "a sk-test b" in outputs[2].replace('", "', "")


def test_the_magic_shows_the_state_and_changes_the_profile(user: User) -> None:
    user.lkr("set", "openai:stg", "--stdin", stdin=b"sk-staging-0123456789")
    folder = user.project("p", f'{BOTH}\nGROQ_API_KEY = "groq:ci"\n[profiles.staging.keys]\n{A} = "openai:stg"')
    length = f"import os; len(os.environ['{A}'])"
    cells = ["%load_ext lkrshell", "%lkr status", "%lkr use staging", length, "%lkr status", "%lkr use", length]
    more = ["%lkr use nosuch", "%lkr frobnicate", length, "%reload_ext lkrshell", "%lkr status"]
    outputs = execute(user, folder / "n.ipynb", [*cells, *more])
    assert f"{A}  openai:prod  loaded" in outputs[1] and str(folder) in outputs[1]
    assert "not stored: groq:ci; lkr set groq:ci" in outputs[1]
    assert f"lkr: {A} (openai:stg)" in outputs[2] and "'21'" not in outputs[3] and "21" in outputs[3]
    assert "Profile  staging" in outputs[4]
    assert str(len(VALUE)) in outputs[6]
    assert "no profile 'nosuch' here" in outputs[7] and "Traceback" not in outputs[7]
    assert "no such command; %lkr status" in outputs[8]
    assert str(len(VALUE)) in outputs[9], "a profile that does not exist changes nothing"
    assert f"{A} (was set already)" in outputs[10] and "as the project has it" in outputs[11]


def test_a_kernel_started_elsewhere_finds_the_notebooks_project_and_says_what_is_wrong(user: User) -> None:
    folder = user.project("p", 'OPENAI_API_KEY = "openai:prod"\nDB_PASSWORD = "own:db"')
    path = folder / "n.ipynb"
    user.lkr("lock")
    show = "import os; len(os.environ.get('OPENAI_API_KEY', ''))"
    unlock = f"import subprocess; subprocess.run(['{user.program}', 'unlock', '--stdin'], input=b'a passphrase')"
    cells = ["%load_ext lkrshell", show, unlock, "%load_ext lkrshell", show, "os.environ['DB_PASSWORD']"]
    mine = {"JPY_SESSION_NAME": str(path), "DB_PASSWORD": "correct-horse-battery"}
    outputs = execute(user, path, cells, user.home, mine)
    assert "[lkr own:db]" in outputs[5] and "correct-horse" not in path.read_text(), (
        "set before, and masked all the same"
    )
    assert "the vault is locked; lkr unlock" in outputs[0] and "UsageError" in outputs[0]
    assert "Traceback (most recent" not in outputs[0]
    assert '"0"' in outputs[1]
    assert f'"{len(VALUE)}"' in outputs[4]
    rows = [json.loads(line) for line in user.lkr("audit", "--json", "--event", "python").splitlines()]
    assert [row["process"].split(" ", 1)[1] for row in rows] == ["n.ipynb"]


def test_a_switch_that_is_stopped_midway_changes_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(profile: str | None) -> lkrshell.Loaded:
        os.environ[A] = "half"
        raise KeyboardInterrupt

    monkeypatch.delenv(A, raising=False)
    one = notebook.Notebook(object())
    monkeypatch.setattr(lkrshell, "load", load)
    with pytest.raises(KeyboardInterrupt):
        one.use("staging")
    assert A not in os.environ
