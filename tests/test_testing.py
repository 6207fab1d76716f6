"""`lkrshell.testing`, as other people's tests use it: nothing of the person's is read or written."""

import os
import subprocess
import sys
from pathlib import Path

from conftest import VALUE, User

FAKE = """
import os
import lkrshell
from lkrshell.testing import fake_project

before, here = dict(os.environ), os.getcwd()
with fake_project({"openai:prod": "sk-fake-0123456789", "groq:ci": "gsk-fake-0123456789"}) as project:
    assert lkrshell.load().loaded == {"OPENAI_API_KEY": "openai:prod", "GROQ_API_KEY": "groq:ci"}
    assert os.environ["OPENAI_API_KEY"] == "sk-fake-0123456789"
    with open(f"{project.folder}/.lkr.toml", "a") as manifest:
        manifest.write("# changed\\n")
    for call in (lkrshell.load, lkrshell.keys().__enter__):
        try:
            call()
            raise AssertionError
        except lkrshell.ManifestError as error:
            assert "changed since you allowed it" in str(error)
    project.allow()
    project.store.lock()
    try:
        lkrshell.load(override=True)
        raise AssertionError
    except lkrshell.StoreLocked:
        pass
manifest = 'version = 1\\n[keys]\\nMY_TOKEN = { key = "own:one", optional = true }\\n'
with fake_project({}, manifest), lkrshell.keys() as keys:
    assert not keys
with fake_project({"openai:prod": "x"}, allow=False):
    assert lkrshell.load(required=False).problem
assert (dict(os.environ), os.getcwd()) == (before, here)
"""


def everything(folder: Path) -> dict[str, tuple[int, float]]:
    """Each file below the folder, with its size and date."""
    paths = [os.path.join(parent, name) for parent, _, names in os.walk(folder) for name in names]
    return {path: (os.stat(path).st_size, os.stat(path).st_mtime) for path in paths}


def test_a_fake_project_touches_nothing_of_the_person_s_and_works_for_an_agent_too(user: User) -> None:
    folder = user.project("p")
    user.by_agent()
    before = everything(user.home)
    done = subprocess.run(
        [sys.executable, "-c", FAKE], env=user.env, cwd=folder, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    assert everything(user.home) == before
    assert VALUE not in done.stdout + done.stderr
