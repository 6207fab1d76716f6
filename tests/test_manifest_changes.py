"""What `lkr add`, `lkr import` and `lkr init` change in a manifest, and what they leave alone."""

import re

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


def test_import_in_a_subfolder_names_the_keys_in_the_projects_manifest(user: User) -> None:
    folder = user.project("p")
    below = folder / "sub"
    below.mkdir()
    (below / ".env").write_text(f"{G}=gsk_0123456789abcdef\n")
    said = user.lkr("import", ".env", "--yes", cwd=below)
    assert said.startswith(f"lkr: these keys go into {folder}/.lkr.toml, for all folders below it\n")
    assert f"lkr: 1 key is in the vault and named in {folder}/.lkr.toml\n" in said
    assert f'{G} = "groq:main"' in (folder / ".lkr.toml").read_text() and not (below / ".lkr.toml").exists()


def test_init_in_a_subfolder_says_which_manifest_the_new_one_hides(user: User) -> None:
    below = user.project("p") / "sub"
    below.mkdir()
    (below / "app.py").write_text(f"os.environ['{A}']")
    said = user.lkr("init", "--yes", cwd=below)
    hides = "lkr: a .lkr.toml here hides ~/p/.lkr.toml, unless you write inherit = true into it\n"
    assert said.startswith(hides) and (below / ".lkr.toml").exists()
    assert "hides" not in user.lkr("init", "--yes", cwd=below)


def test_import_names_the_lines_of_an_env_file_that_it_cannot_read(user: User) -> None:
    lines = (
        f"{G}=gsk_0123456789abcdef",
        "",
        f'{A}: "sk-0123456789"',
        "# a comment",
        "MY-KEY=1",
        'X_KEY="sk-98765432',
        "a.b=1",
    )
    (user.home / ".env").write_text("\n".join(lines) + "\n")
    said = user.lkr("import", ".env", "--yes")
    assert "lkr: skipped lines 3, 5, 6 of .env, not in the form NAME=value\n" in said and "0123456789" not in said


# A line of an env file; and the value that every program reads in it, or why there is none.
LINES = {
    "CA_API_KEY=$BASE": "base-0123456789",
    "CB_API_KEY=sk-${BASE}": "sk-base-0123456789",
    "CC_API_KEY='sk-$BASE-0123'": "sk-$BASE-0123",
    "CD_API_KEY=sk-0123456789$": "sk-0123456789$",
    'CE_API_KEY="sk 0123 #456;"': "sk 0123 #456;",
    'DA_API_KEY="sk-x$BASE"': "programs read the $ in its value differently",
    "DB_API_KEY=sk-x$BASE": "without single quotes, programs read the $ in its value differently",
    "DC_API_KEY=sk-$NOTSET-0123456789": "programs read the $ in its value differently",
    "DD_API_KEY='sk-${BASE}'": "programs read the $ in its value differently",
    "DE_API_KEY=${DC_API_KEY}": "it uses DC_API_KEY, whose own value is not certain",
    "DF_API_KEY=sk-012\\\n3456789012": "programs read the \\ in its value differently",
    "export DG_API_KEY=sk-0123456789 DH_API_KEY=sk-9876543210": "programs read the space in its value differently",
}


def test_import_leaves_out_what_programs_read_differently(user: User) -> None:
    (user.home / ".env").write_text("BASE=base-0123456789\n" + "\n".join(LINES) + "\n")
    said = user.lkr("import", ".env", "--yes", "--blank")
    left = (user.home / ".env").read_text()
    stored = 0
    for line, expected in LINES.items():
        variable = line.removeprefix("export ")[:10]
        if line.startswith("C"):
            assert f"{line}\n" not in left
            assert user.lkr("get", f"{variable[:2].lower()}:main", "--force-plain").startswith(f"{expected}\n"), line
            stored += 1
        else:
            assert re.search(f"lkr: skipped {variable}: .*{re.escape(expected)}; store it yourself: lkr set d", said)
            assert f"{line}\n" in left
    assert stored == 5 and f"lkr: skipped line {len(LINES) + 1} of .env" in said, "the second half of a value"


def test_import_names_the_secrets_that_stay_in_the_file(user: User) -> None:
    text = (
        f"DB_PASSWORD=hunter2hunter2\nmy.secret=012345678\nopenai_api_key=sk-0123456789\nX_TOKEN=\n{G}=gsk_0123456789\n"
    )
    (user.home / ".env").write_text(text)
    left = "lkr: .env still has DB_PASSWORD, my.secret, openai_api_key in plain text; to store one: lkr set NAME"
    said = user.lkr("import", ".env", "--yes")
    assert left in said and "hunter2" not in said
    assert f"lkr: .env still has {G} in plain text; to store and comment out: lkr import .env --blank\n" in said
    said = user.lkr("import", ".env", "--yes", "--blank")
    assert left in said and f"still has {G}" not in said
    assert left in user.lkr("import", ".env", code=1)


def test_an_import_that_stores_nothing_fails(user: User) -> None:
    (user.home / ".env").write_text("ANTHROPIC_API_KEY=sk-ant-other-0123456789\n")
    said = user.lkr("import", ".env", "--yes", code=1)
    assert said.endswith("lkr: nothing was stored; --replace stores keys that have another value\n")


def test_what_a_pipe_leads_to_is_not_a_path_to_name(user: User) -> None:
    said = user.lkr("import", "/dev/stdin", "--yes", stdin=b"X=1", code=2)
    assert "/dev/stdin is a link" in said and "pipe:" not in said
