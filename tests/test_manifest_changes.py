"""What `lkr add`, `lkr import` and `lkr init` change in a manifest, and what they leave alone."""

import pexpect
import pytest
from conftest import User

A, G = "OPENAI_API_KEY", "GROQ_API_KEY"


@pytest.mark.parametrize(
    "keys",
    [
        f'{A} = {{ key = "openai:main", via = "broker", rate = "5/min" }}\n{G} = {{ key = "groq:ci", scope = "exec" }}',
        f'{A}.key = "openai:main"\n{A}.via = "broker"\n{A}.rate = "5/min"\n[keys.{G}]\nkey = "groq:ci"\nscope = "exec"',
    ],
)
def test_another_key_keeps_the_limits_of_the_variable(user: User, keys: str) -> None:
    folder = user.project("p", keys)
    before = (folder / ".lkr.toml").read_text()
    said = user.lkr("add", f"{A}=openai:prod", "--replace", cwd=folder)
    assert f"{A} is now openai:prod instead of openai:main" in said
    assert (folder / ".lkr.toml").read_text() == before.replace("openai:main", "openai:prod")
    assert f"{G} is already groq:ci; nothing was changed" in user.lkr(
        "add", f"{G}=groq:ci", "--replace", cwd=folder, code=1
    )


def test_a_key_of_my_own_keeps_the_limits_of_the_projects_variable(user: User) -> None:
    commands = '{ commands = ["python"] }'
    folder = user.project("p", f'{A} = {{ key = "openai:team", scope = {commands}, via = "broker" }}')
    user.lkr("set", "openai:team", "--stdin", stdin=b"sk-team-0123456789")
    (folder / ".env").write_text(f"{A}=sk-mine-0123456789\n")
    child = user.on_terminal("import", ".env", cwd=folder)
    for question, answer in (("Store these", "y"), ("Replace it", "n"), ("Another label", "mine"), ("Take the", "n")):
        child.expect(question)
        child.sendline(answer)
    child.expect(pexpect.EOF)
    assert (folder / ".lkr.local.toml").read_text() == (
        f'[keys]\n{A} = {{key = "openai:mine", scope = {{commands = ["python"]}}, via = "broker"}}\n'
    )


def test_add_says_what_stays_in_force_instead(user: User) -> None:
    folder = user.project("p", f'{A} = "openai:main"\n[profiles.staging.keys]\n{G} = "groq:stg"', allow=False)
    (folder / ".lkr.local.toml").write_text(f'[keys]\n{A} = "openai:mine"\n')
    user.lkr("allow", "--yes", cwd=folder)
    said = user.lkr("add", f"{A}=openai:prod", "--replace", cwd=folder)
    assert "lkr: but .lkr.local.toml gives it openai:mine, and that stays in force\n" in said
    assert "stays in force" not in user.lkr("add", f"{G}=groq:main", cwd=folder)
    user.env["LKR_PROFILE"] = "staging"
    said = user.lkr("add", f"{G}=groq:ci", "--replace", cwd=folder)
    assert "lkr: but the profile staging gives it groq:stg, and that stays in force\n" in said


def test_of_two_changes_at_once_one_is_refused_and_none_is_lost(user: User) -> None:
    folder = user.project("p")
    code = """if True:
        import sys, threading, time
        from lkrshell.core.errors import LkrError
        from lkrshell.project import approve, lookup, manifest_text, project_files
        replace = project_files.replace
        project_files.replace = lambda *words: (time.sleep(0.5), replace(*words))  # a slow disk
        def add(variable, place):
            try:
                approve.save(place, manifest_text.add_keys(place.text[1:], {variable: "openai:x"}))
                print(variable, "was added")
            except LkrError as error:
                print(error)
        both = [threading.Thread(target=add, args=(each, lookup.Place(sys.argv[1]))) for each in ("A_KEY", "B_KEY")]
        [each.start() for each in both]
        [each.join() for each in both]
    """
    said = user.python(code, str(folder))
    text = (folder / ".lkr.toml").read_text()
    assert said.count("was added") == 1 and "changed in the meantime" in said
    assert [each for each in ("A_KEY", "B_KEY") if f"{each} was added" in said and each in text]
