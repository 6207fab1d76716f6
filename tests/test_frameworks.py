"""Keys in frameworks: the blocks of docs/frameworks.md in the real framework, and llm's own command with our plugin."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import BIN, VALUE, User
from vendor import Standin

PAGE = (Path(__file__).parent.parent / "docs/frameworks.md").read_text()
A = "OPENAI_API_KEY"


def block(heading: str) -> str:
    """The block of Python below a heading of the page."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    (found,) = re.findall(r"^```python\n(.*?)^```$", section, re.M | re.S)
    return str(found)


def run(user: User, code: str, code_of_exit: int = 0) -> str:
    """Runs the code as a program in the project; what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code], env=user.env, cwd=user.home / "p", capture_output=True, text=True, timeout=250,
        start_new_session=True,
    )  # fmt: skip
    assert done.returncode == code_of_exit, done.stderr
    assert VALUE not in done.stdout + done.stderr
    return done.stdout + done.stderr


CHECKS = {
    "pydantic-settings": f"""
assert len(settings.openai_api_key.get_secret_value()) == {len(VALUE)}
import os
assert "{A}" not in os.environ

class Number(Settings):
    openai_api_key: int

class Prefixed(Settings, env_prefix="OPENAI_"):
    openai_api_key: str = "none"
    api_key: str = "none"

assert len(Prefixed().api_key) == {len(VALUE)}
try:
    Number()
except ValueError as error:
    print(error)
try:
    LkrSettingsSource(Settings, "nosuch")
except lkrshell.ManifestError as error:
    print(error)
os.environ["{A}"] = "set-by-ci"
assert Settings().openai_api_key.get_secret_value() == "set-by-ci"
print("done")
""",
    "FastAPI": """
from fastapi.testclient import TestClient
assert TestClient(app).get("/ready").json() == {"openai": True}
print("done")
""",
    "Django": f"""
import sys, types
import django
from django.conf import settings
module = sys.modules["project_settings"] = types.ModuleType("project_settings")
module.__dict__.update({{name: value for name, value in globals().items() if name.isupper()}})
module.ROOT_URLCONF, module.ALLOWED_HOSTS, module.DEBUG, module.SECRET_KEY = "urls", ["testserver"], True, "x"
module.DEBUG_PROPAGATE_EXCEPTIONS = False
os.environ["DJANGO_SETTINGS_MODULE"] = "project_settings"
from django.http import HttpResponse
from django.urls import path
def ready(request):
    return HttpResponse(str(len(settings.OPENAI_API_KEY)))
def fails(request):
    raise ValueError("no")
urls = sys.modules["urls"] = types.ModuleType("urls")
urls.urlpatterns = [path("ready", ready), path("fails", fails)]
django.setup()
from django.test import Client
assert Client().get("/ready").content == b"{len(VALUE)}"
page = Client(raise_request_exception=False).get("/fails").content.decode()
assert "OPENAI_API_KEY" in page and settings.OPENAI_API_KEY not in page
print("done")
""",
}


@pytest.mark.parametrize("heading", CHECKS)
def test_the_block_of_the_page_gives_the_framework_its_key(user: User, heading: str) -> None:
    user.project("p")
    said = run(user, block(heading) + CHECKS[heading])
    assert "done\n" in said
    if heading == "pydantic-settings":
        assert "openai_api_key=SecretStr('**********')" in said
        assert "input_value='****'" in said, "an error of validation shows no value"
        assert "no profile 'nosuch' here" in said


def test_llm_takes_its_key_from_lkr(user: User, standin: Standin) -> None:
    user.config(f'[broker]\nca = "{standin.ca}"\n[broker.upstream]\nopenai = "{standin.url}"\n')
    standin.real = VALUE
    folder = user.project("p", f'{A} = {{ key = "openai:prod", via = "broker" }}')

    def llm(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [f"{BIN}/llm", *words], env=user.env, cwd=folder, capture_output=True, text=True, timeout=250,
            start_new_session=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    done = llm("-m", "gpt-4o-mini", "--no-stream", "hi")
    assert "Hello, this is the stand-in." in done.stdout, done.stderr
    assert standin.seen[-1].header("authorization") == f"Bearer {VALUE}"
    user.lkr("deny", str(folder))
    done = llm("-m", "gpt-4o-mini", "--no-stream", "hi")
    assert done.returncode == 1 and "No key found" in done.stderr
