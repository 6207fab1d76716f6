"""The public Python API, in programs of their own: `lkrshell.load()`, `keys()` and `get()`, and what they refuse."""

import json
import pickle
import re
import subprocess
import sys
import typing
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pytest
from conftest import OTHER, PASSPHRASE, UNDER_AGENT, VALUE, User
from shells import wait_for_question

import lkrshell

if TYPE_CHECKING:
    from vendor import Standin

A, B = "OPENAI_API_KEY", "ANTHROPIC_API_KEY"
BOTH = f'{A} = "openai:prod"\n{B} = "anthropic:main"'


def python(user: User, code: str, folder: Path | None = None, **more: str) -> str:
    """Runs `code` as the file app.py in the folder; what it printed. Fails when the program fails or shows a value."""
    folder = folder or user.home
    (folder / "app.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "app.py"], env={**user.env, **more}, cwd=folder, capture_output=True, text=True, timeout=250,
        start_new_session=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert VALUE not in done.stdout + done.stderr
    return done.stdout + done.stderr


def rows(user: User, event: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in user.lkr("audit", "--json", "--event", event).splitlines()]


def test_the_public_names_are_these_and_all_are_there() -> None:
    assert set(lkrshell.__all__) == {
        "KeyNotStored", "Keys", "LkrError", "Loaded", "ManifestError", "Refused", "Secret", "StoreLocked",
        "StoreUnreachable", "UsageError", "get", "keys", "load", "load_ipython_extension",
    }  # fmt: skip
    for name in lkrshell.__all__:
        assert getattr(lkrshell, name).__doc__, name
    for function in (lkrshell.load, lkrshell.keys, lkrshell.get):
        assert typing.get_type_hints(function), "as frameworks read them"
    assert set(lkrshell.__all__) <= set(dir(lkrshell))
    with pytest.raises(AttributeError, match="no attribute 'lock'"):
        lkrshell.lock  # noqa: B018


def test_importing_lkrshell_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import lkrshell; print(*sorted(set(sys.modules) - before))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["lkrshell"]


def test_load_puts_the_projects_keys_into_the_environment_and_says_what_it_did(user: User) -> None:
    folder = user.project("p", BOTH + '\nGROQ_API_KEY = { key = "groq:ci", scope = "exec" }')
    out = python(
        user,
        f"""
import os, lkrshell
os.environ["{B}"] = ""
done = lkrshell.load()
assert len(os.environ["{A}"]) == {len(VALUE)} and os.environ["{B}"] == ""
print(done.loaded, done.kept, done.missing, done.folder, done.problem)
assert lkrshell.load().loaded == {{}}, "all are set now, or not stored"
assert lkrshell.load(override=True).loaded == {{"{A}": "openai:prod", "{B}": "anthropic:main"}}
assert len(os.environ["{B}"]) == {len(OTHER)}
""",
        folder,
    )
    assert f"{{'{A}': 'openai:prod'}} {{'{B}': 'anthropic:main'}} ('groq:ci',) {folder} None" in out
    assert "not stored: groq:ci; lkr set groq:ci" in out, "by the logger"
    logged = rows(user, "python")
    assert [row["keys"] for row in logged] == ["openai:prod", "openai:prod anthropic:main"]
    assert logged[0]["process"].endswith(" app.py")
    assert logged[0]["variables"] == A
    assert logged[0]["project"] == str(folder)


def test_keys_are_for_one_block_and_leave_the_environment_alone(user: User) -> None:
    folder = user.project("p", BOTH + f'\n[profiles.staging.keys]\n{A} = "openai:stg"')
    user.lkr("set", "openai:stg", "--stdin", stdin=b"sk-staging-0123456789")
    out = python(
        user,
        f"""
import os, pickle, lkrshell
with lkrshell.keys("staging") as keys:
    assert keys["{A}"] == "sk-staging-0123456789" and isinstance(keys["{A}"], str)
    assert keys.get("NO_KEY") is None and set(keys) == {{"{A}", "{B}"}} and len(keys) == 2
    assert f"{{keys['{A}']}}" == "sk-staging-" + "0123456789"
    print(keys, repr(keys["{A}"]), dict(keys))
    for leak in (keys, [keys]):
        try:
            pickle.dumps(leak)
            print("pickled")
        except TypeError:
            pass
    assert "{A}" not in os.environ
try:
    keys["{A}"]
except lkrshell.LkrError as error:
    print(error)
try:
    with lkrshell.keys() as keys:
        1 / 0
except ZeroDivisionError:
    assert "****" not in repr(keys)
try:
    lkrshell.keys("nosuch").__enter__()
except lkrshell.ManifestError as error:
    print(error)
""",
        folder,
    )
    assert "sk-staging" not in out
    assert "pickled" not in out
    assert f"Keys({A}, {B}) '****' {{'{A}': '****', '{B}': '****'}}" in out
    assert "these keys work only in a with block; write: with lkrshell.keys() as keys:" in out
    assert "no profile 'nosuch' here" in out


def test_get_gives_one_secret_that_shows_a_mask(user: User) -> None:
    folder = user.project("p", BOTH)
    (folder / "below").mkdir()
    out = python(
        user,
        f"""
import lkrshell
secret = lkrshell.get("openai:prod", folder={str(folder / "below")!r})
print(type(secret) is lkrshell.Secret, secret, [secret], f"{{secret}}", len(secret.reveal()))
""",
    )
    assert out == f"True Secret('****') [Secret('****')] Secret('****') {len(VALUE)}\n"
    assert [row["keys"] for row in rows(user, "python")] == ["openai:prod"]


def test_a_key_that_is_for_one_command_is_for_the_script_of_that_name(user: User) -> None:
    mine = '{ key = "openai:prod", scope = { commands = ["app.py"] } }'
    other = '{ key = "anthropic:main", scope = { commands = ["npm"] } }'
    folder = user.project("p", f"{A} = {mine}\n{B} = {other}")
    assert "{'OPENAI_API_KEY': 'openai:prod'}" in python(user, "import lkrshell; print(lkrshell.load().loaded)", folder)
    user.project("p", f'{A} = {{ key = "openai:prod", scope = {{ commands = ["python"] }} }}')
    assert "{'OPENAI_API_KEY': 'openai:prod'}" in python(user, "import lkrshell; print(lkrshell.load().loaded)", folder)


def test_a_value_given_as_a_name_is_not_repeated(user: User) -> None:
    code = (
        "import lkrshell\ntry: lkrshell.get('sk-ant-api03-0123456789')\nexcept lkrshell.LkrError as error: print(error)"
    )
    assert python(user, code) == "that looks like a key's value; write the key's name, such as openai:prod\n"


# What is made of the user's home, what is asked for, and the words of the command line that ask for the same.
REFUSALS = {
    "no manifest": ("load()", "exec -- true"),
    "not allowed": ("load()", "exec -- true"),
    "changed": ("load()", "exec -- true"),
    "denied": ("load()", "exec -- true"),
    "invalid": ("load()", "exec -- true"),
    "unknown profile": ("load()", "exec -- true"),
    "locked": ("load()", "exec -- true"),
    "not stored": ("load()", "exec -- true"),
    "for other folders": ("load()", "exec -- true"),
    "admin": ("load()", "exec -- true"),
    "waits for confirmation": ("load()", "exec -- true"),
    "agent denied": ("load()", "exec -- true"),
    "agent not named": ("get('anthropic:main')", "exec -k anthropic:main -- true"),
    "agent with folders of its own": ("load()", "exec -- true"),
    "require all": ("load()", "exec -- true"),
    "bad settings": ("load()", "exec -- true"),
    "damaged grant": ("load()", "exec -- true"),
    "damaged key": ("load()", "exec -- true"),
    "no name": ("get('nonsense')", "exec -k nonsense -- true"),
    "unknown backend": ("load()", "exec -- true"),
    "via broker, not served": ("load()", "exec -- true"),
}  # fmt: skip


def prepare(user: User, case: str) -> Path:
    """A project in which the case of REFUSALS is met."""
    folder = user.project("p")
    manifest = folder / ".lkr.toml"
    if case == "no manifest":
        manifest.unlink()
    elif case == "not allowed":
        return user.project("fresh", allow=False)
    elif case == "changed":
        manifest.write_text(manifest.read_text() + "# more\n")
    elif case == "denied":
        user.lkr("deny", str(folder))
    elif case == "invalid":
        manifest.write_text("version = 1\n[keys]\nPATH = 'openai:prod'\n")
    elif case == "unknown profile":
        user.env["LKR_PROFILE"] = "nosuch"
    elif case == "locked":
        user.lkr("lock")
    elif case == "not stored":
        user.lkr("rm", "openai:prod", "--yes")
    elif case == "for other folders":
        user.lkr("policy", "openai:prod", "--only", str(user.project("q")))
    elif case == "admin":
        user.lkr("set", "openai:prod", "--stdin", "--force", "--kind", "admin", stdin=b"sk-admin-0123456789")
    elif case == "waits for confirmation":
        user.lkr("policy", "openai:prod", "--confirm")
    elif case == "agent denied":
        user.lkr("policy", "openai:prod", "--agents", "deny")
        user.by_agent()
    elif case == "agent not named":
        user.by_agent()
    elif case == "agent with folders of its own":
        user.by_agent()
        user.env["XDG_STATE_HOME"] = str(user.home / "state")
    elif case == "require all":
        return user.project("all", BOTH.replace("main", "absent"), top='require = "all"')
    elif case == "bad settings":
        user.config("quiet = 3\n")
    elif case == "damaged grant":
        (grant,) = (user.home / ".local/share/lkr/grants").iterdir()
        grant.write_bytes(b"rubbish")
    elif case == "damaged key":
        (user.home / ".local/share/lkr/vault/keys/openai/prod.age").write_bytes(b"rubbish")
    elif case == "unknown backend":
        user.env["LKR_BACKEND"] = "no"
    elif case == "via broker, not served":
        user.lkr("set", "bedrock:main", "--stdin", stdin=b"bedrock-0123456789abcdef")
        return user.project("broker", 'AWS_BEARER_TOKEN_BEDROCK = { key = "bedrock:main", via = "broker" }')
    return folder


@pytest.mark.parametrize("case", REFUSALS)
def test_python_is_refused_what_the_command_line_is_refused_in_the_same_words(user: User, case: str) -> None:
    folder = prepare(user, case)
    call, words = REFUSALS[case]
    said = user.run(*words.split(), cwd=folder)
    assert said.returncode not in (0, 126, 127), said
    code = f"""
import lkrshell
try:
    print(lkrshell.{call})
except lkrshell.LkrError as error:
    print(error.code, type(error).__name__)
    print(f"lkr: {{error}}")
    assert error.hint or not str(error).count(";")
"""
    out = python(user, code, folder)
    kind, _, text = out.partition("\n")
    assert text == said.stderr
    assert kind == f"{said.returncode} {kind.split()[1]}"
    expected = {2: "Refused", 64: "UsageError", 69: "StoreUnreachable", 77: "StoreLocked", 78: "ManifestError"}
    assert kind.split()[1] in (expected.get(said.returncode, "LkrError"), "KeyNotStored")
    del user.env["LKR_BACKEND"]
    for name in ("CLAUDECODE", "XDG_STATE_HOME"):
        user.env.pop(name, None)
    if said.returncode == 2 and case != "agent with folders of its own":  # whose log is there too
        by = [row["process"].split(" ", 1)[-1] for row in rows(user, "refused")]
        assert by[-1] == "app.py", by


@pytest.mark.parametrize("case", ["no manifest", "not allowed", "changed", "locked", "agent denied"])
def test_where_keys_are_not_required_nothing_happens_and_the_result_says_why(user: User, case: str) -> None:
    folder = prepare(user, case)
    code = """
import os, lkrshell
before = dict(os.environ)
done = lkrshell.load(required=False)
assert dict(os.environ) == before
print(done.loaded, repr(done.problem))
"""
    assert re.match(r"(lkr.*)?\{\} (ManifestError|StoreLocked|Refused)\(", python(user, code, folder), re.S)


def test_without_a_project_nothing_heavy_is_imported(user: User) -> None:
    code = (
        "import sys, lkrshell; lkrshell.load(required=False); print(*[n for n in sys.modules if n[:8] == 'lkrshell'])"
    )
    assert set(python(user, code).split()) == {
        "lkrshell", "lkrshell.api", "lkrshell.api.keys", "lkrshell.core", "lkrshell.core.errors",
        "lkrshell.core.folders", "lkrshell.core.platform", "lkrshell.core.secret", "lkrshell.core.text",
        "lkrshell.project", "lkrshell.project.lookup", "lkrshell.state", "lkrshell.state.paths",
    }  # fmt: skip


def test_a_name_that_the_manifest_does_not_have_is_refused_and_recorded(user: User) -> None:
    folder = user.project("p")
    code = """
import lkrshell
try:
    lkrshell.get("anthropic:main")
except lkrshell.Refused as error:
    print(error)
"""
    assert "the manifest here does not name anthropic:main; lkr add anthropic:main\n" in python(user, code, folder)
    assert [row["keys"] for row in rows(user, "refused")] == ["anthropic:main"]


@pytest.mark.skipif(UNDER_AGENT, reason="the users in these tests do not look at ancestor processes")
def test_a_mark_that_the_program_removes_from_its_environment_still_tells_of_the_agent(user: User) -> None:
    folder = user.project("p")
    user.lkr("policy", "openai:prod", "--agents", "deny")
    user.at_home()
    code = """
import os, lkrshell
del os.environ["CLAUDECODE"]
for _ in range(2):
    try:
        print(lkrshell.load())
    except lkrshell.Refused as error:
        print(error)
"""
    assert python(user, code, folder, CLAUDECODE="1").count("no keys for a coding agent (claude)") == 2


def test_a_program_that_loaded_keys_can_be_debugged_as_before(user: User) -> None:
    folder = user.project("p", BOTH)
    code = """
import ctypes, lkrshell
dumpable = lambda: ctypes.CDLL(None).prctl(3, 0, 0, 0, 0)
before = dumpable()
lkrshell.load()
print(before, dumpable())
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
lkrshell.load(override=True)
print(dumpable())
"""
    assert python(user, code, folder).split() == ["1", "1", "0"]


def test_a_key_by_the_broker_is_a_virtual_one_and_the_openai_client_reaches_the_vendor(
    user: User, standin: "Standin"
) -> None:
    user.config(f'[broker]\nca = "{standin.ca}"\n[broker.upstream]\nopenai = "{standin.url}"\n')
    standin.real = VALUE
    folder = user.project("p", f'{A} = {{ key = "openai:prod", via = "broker" }}')
    code = f"""
import os, lkrshell, openai
assert lkrshell.get("openai:prod").reveal().startswith("lkr-vk-")
ask = [{{"role": "user", "content": "hi"}}]
with lkrshell.keys() as keys:
    client = openai.OpenAI(api_key=keys["{A}"], base_url=keys["OPENAI_BASE_URL"])
    print(client.chat.completions.create(model="m", messages=ask).choices[0].message.content)
assert "{A}" not in os.environ
done = lkrshell.load()
print(done.loaded, done.virtual, os.environ["{A}"][:7])
print(openai.OpenAI().chat.completions.create(model="m", messages=ask).choices[0].message.content)
os.environ["OPENAI_BASE_URL"] = "https://mine.example"
del os.environ["{A}"]
lkrshell.load()
assert os.environ["OPENAI_BASE_URL"] == "https://mine.example"
"""
    out = python(user, code, folder)
    assert out.count("Hello, this is the stand-in.") == 2
    assert f"{{'{A}': 'openai:prod'}} ('{A}',) lkr-vk-" in out
    assert "OPENAI_BASE_URL is set already" in out
    assert {seen.header("authorization") for seen in standin.seen} == {f"Bearer {VALUE}"}


def test_threads_and_tasks_load_once_and_see_the_same(user: User) -> None:
    folder = user.project("p", BOTH)
    out = python(
        user,
        f"""
import asyncio, os, sys, threading, lkrshell
sys.setswitchinterval(1e-6)
results, errors = [], []
def work():
    try:
        results.append(lkrshell.load())
        with lkrshell.keys() as keys:
            assert len(keys["{A}"]) == {len(VALUE)}
        assert len(lkrshell.get("anthropic:main").reveal()) == {len(OTHER)}
    except BaseException as error:
        errors.append(error)
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(errors, sum(bool(each.loaded) for each in results), len(results))

async def task():
    with lkrshell.keys() as keys:
        await asyncio.sleep(0)
        return len(keys["{A}"])
async def main():
    return await asyncio.gather(*(task() for _ in range(5)), asyncio.to_thread(lkrshell.load))
print(asyncio.run(main())[:5])
""",
        folder,
    )
    assert out == f"[] 1 8\n{[len(VALUE)] * 5}\n"
    assert "intact" in user.lkr("audit", "--verify")


def test_a_forked_child_loads_too(user: User) -> None:
    folder = user.project("p")
    code = """
import os, lkrshell
from lkrshell.api import keys
keys._turn.acquire()  # as by a thread of the parent
if os.fork() == 0:
    print(lkrshell.load().loaded, flush=True)
    os._exit(0)
os.wait()
"""
    assert "{'OPENAI_API_KEY': 'openai:prod'}" in python(user, code, folder)


def test_on_a_terminal_the_person_is_asked_as_by_exec(user: User) -> None:
    folder = user.project("p")
    (folder / "app.py").write_text("import lkrshell; print('got', lkrshell.load())")
    user.lkr("policy", "openai:prod", "--confirm")
    user.lkr("lock")
    child = pexpect.spawn(sys.executable, ["app.py"], env=user.env, cwd=str(folder), encoding="utf-8", timeout=100)
    child.expect(r"have OPENAI_API_KEY \(openai:prod\)\? \[y/N\]")
    wait_for_question(child)
    child.sendline("y")
    for passphrase in ("wrong", PASSPHRASE.decode()):
        child.expect("Passphrase of the vault: ")
        wait_for_question(child)
        child.sendline(passphrase)
    child.expect(r"got Loaded\(folder=.*loaded={'OPENAI_API_KEY': 'openai:prod'}\)")
    child.expect(pexpect.EOF)
    assert {row["event"] for row in rows(user, "confirm") + rows(user, "unlock")} == {"confirm", "unlock"}


def test_an_error_comes_whole_out_of_another_process() -> None:
    error = lkrshell.ManifestError("no .lkr.toml here or above", "create one: lkr init")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.hint, again.code) == (lkrshell.ManifestError, str(error), error.hint, 78)
    refused = lkrshell.LkrError("no", "ask", 2)
    assert type(refused) is lkrshell.Refused and type(pickle.loads(pickle.dumps(refused))) is lkrshell.Refused
