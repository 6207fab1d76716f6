"""`lkr gen`: values into a file, for whom the project's manifest names them, or the person says so."""

import json
import subprocess

import pexpect
import pytest
from conftest import OTHER, VALUE, User

A, B = "OPENAI_API_KEY", "ANTHROPIC_API_KEY"
BOTH = f'{A} = "openai:prod"\n{B} = "anthropic:main"'


def test_gen_fills_an_env_example_with_the_keys_that_the_manifest_names(user: User) -> None:
    user.lkr("set", "openai:two", "--stdin", stdin=b"sk-second-12345678")  # which is not what the manifest says
    folder = user.project("p", BOTH + '\nHF_TOKEN = { key = "huggingface:x", optional = true }')
    (folder / ".env.example").write_text(f"# keys\nexport {A}=your-key # here\n{B}=\nHF_TOKEN=mine\nPORT=80\n")
    user.lkr("gen", ".env.example", code=2, cwd=folder)
    out = user.lkr("gen", ".env.example", "--force", cwd=folder)
    assert "with 2 values" in out
    made = folder / ".env"
    assert made.read_text() == f"# keys\nexport {A}={VALUE}\n{B}={OTHER}\nHF_TOKEN=mine\nPORT=80\n"
    assert made.stat().st_mode & 0o777 == 0o600
    assert VALUE not in out


def test_gen_fills_places_in_any_text_and_escapes_for_json(user: User) -> None:
    odd = 'sk-"quote\\back\nline'
    user.lkr("set", "openai:odd", "--stdin", stdin=odd.encode())
    user.lkr("set", "groq:admin", "--stdin", "--kind", "admin", stdin=b"gsk_admin_12345678")
    keys = f'{A} = "openai:odd"\n{B} = "anthropic:main"\nX_API_KEY = "groq:admin"\nY_API_KEY = "groq:none"'
    folder = user.project("p", keys)
    (folder / "config.json.template").write_text('{"a": "{{lkr:openai:odd}}", "b": "{{ lkr:anthropic:main }}"}')
    user.lkr("gen", "config.json.template", "--force", cwd=folder)
    assert json.loads((folder / "config.json").read_text()) == {"a": odd, "b": OTHER}
    (folder / "t.template").write_text("{{lkr:groq:admin}}")
    assert "admin key" in user.lkr("gen", "t.template", "--force", code=2, cwd=folder)
    (folder / "t.template").write_text("{{lkr:groq:none}}")
    assert "not stored" in user.lkr("gen", "t.template", "--force", code=1, cwd=folder)
    assert not (folder / "t").exists()


def test_gen_writes_no_file_when_the_template_has_no_place_for_a_key(user: User) -> None:
    folder = user.project("p")
    (folder / "t.template").write_text("PORT=80\n{{openai:prod}}\n")
    assert "{{lkr:NAME}}" in user.lkr("gen", "t.template", "--force", code=1, cwd=folder)
    assert not (folder / "t").exists()
    assert "{{lkr:openai:prod}}" in user.lkr("gen", "--help")


def test_gen_writes_no_value_to_standard_output(user: User) -> None:
    folder = user.project("p")
    (folder / ".env.example").write_text("OPENAI_API_KEY=\n")
    said = user.lkr("gen", ".env.example", "-o", "-", "--force", cwd=folder, code=64)
    assert "lkr exec -- COMMAND" in said and VALUE not in said
    assert not (folder / "-").exists()


def test_a_template_gets_no_key_that_the_manifest_does_not_name_unless_i_agree(user: User) -> None:
    folder = user.project("p")
    (folder / "t.template").write_text("{{lkr:openai:prod}} {{lkr:anthropic:main}}")
    said = user.lkr("gen", "t.template", "--force", code=2, cwd=folder)
    assert "no allowed manifest here names anthropic:main" in said
    child = user.on_terminal("gen", "t.template", cwd=folder)
    child.expect("names anthropic:main")
    child.expect("all of these")
    child.sendline("n")
    child.expect(pexpect.EOF)
    assert not (folder / "t").exists()
    child = user.on_terminal("gen", "t.template", cwd=folder)
    child.expect("all of these")
    child.sendline("y")
    child.expect("2 values")
    assert (folder / "t").read_text() == f"{VALUE} {OTHER}"


def test_gen_gives_nothing_to_a_project_that_is_not_allowed(user: User) -> None:
    folder = user.project("p", allow=False)
    (folder / ".env.example").write_text(f"{A}=\n")
    assert "not allowed" in user.lkr("gen", ".env.example", "--force", code=78, cwd=folder)
    assert not (folder / ".env").exists()


@pytest.mark.parametrize("text", [f"{A}=\n", "{{lkr:openai:prod}}"])
def test_outside_a_project_gen_asks_about_every_key(user: User, text: str) -> None:
    folder = user.home / "plain"
    folder.mkdir()
    (folder / "t.template").write_text(text)
    user.lkr("gen", "t.template", "--force", code=2, cwd=folder)
    child = user.on_terminal("gen", "t.template", cwd=folder)
    child.expect("names openai:prod")
    child.sendline("y")
    child.expect("with 1 value;")
    assert VALUE in (folder / "t").read_text()
    user.lkr("set", "openai:two", "--stdin", stdin=b"sk-second-12345678")
    (folder / "t.template").write_text(f"{A}=\n")
    assert "could be openai:prod, openai:two" in user.lkr("gen", "t.template", "--force", code=1, cwd=folder)


def test_gen_keeps_to_what_a_key_is_for(user: User) -> None:
    folder, other = user.project("p"), user.home / "other"
    other.mkdir()
    (folder / ".env.example").write_text(f"{A}=\n")
    user.lkr("policy", "openai:prod", "--only", str(other))
    assert "is for other folders" in user.lkr("gen", ".env.example", "--force", code=2, cwd=folder)
    assert "is for other folders" in user.lkr("gen", ".env.example", "-o", "../other/x", "--force", code=2, cwd=folder)
    user.typed("policy", "openai:prod", "--only", str(folder))
    assert "is for other folders" in user.lkr("gen", ".env.example", "-o", "../other/x", "--force", code=2, cwd=folder)
    assert not (other / "x").exists()
    user.lkr("gen", ".env.example", "--force", cwd=folder)
    (folder / ".env").unlink()
    user.lkr("policy", "openai:prod", "--confirm")
    user.lkr("gen", ".env.example", "--force", code=2, cwd=folder)
    assert not (folder / ".env").exists()
    child = user.on_terminal("gen", ".env.example", cwd=folder)
    child.expect_exact(f"have {A} (openai:prod)?")
    child.sendline("y")
    child.expect("with 1 value;")
    assert (folder / ".env").read_text() == f"{A}={VALUE}\n"


def test_gen_asks_git_itself(user: User) -> None:
    folder = user.project("p")
    git = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run([*git, "init", "-q"], check=True, env=user.env)
    (folder / "t.template").write_text("{{lkr:openai:prod}}")
    assert "git does not ignore" in user.lkr("gen", "t.template", "-o", "seen", "--force", cwd=folder)
    (folder / ".gitignore").write_text("hidden\n")
    assert "git" not in user.lkr("gen", "t.template", "-o", "hidden", "--force", cwd=folder)
    for name in ("tracked", "*"):
        (folder / name).write_text("x")
        subprocess.run([*git, "add", "-f", f":(literal){name}"], check=True, env=user.env)
        child = user.on_terminal("gen", "t.template", "-o", name, cwd=folder)
        child.expect("git tracks")
        assert (folder / name).read_text() == "x"
        child.close()
