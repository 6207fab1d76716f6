"""`lkr init`: a first run in a project, and a new team member's."""

import subprocess

import pexpect
from conftest import BIN, User


def test_a_first_run_finds_the_keys_that_files_and_code_speak_of(user: User) -> None:
    folder = user.home / "new"
    folder.mkdir()
    (folder / ".env").write_text("MISTRAL_API_KEY=abcdefghijklmnop\nPORT=80\n")
    (folder / "app.py").write_text("import os\nos.environ['GROQ_API_KEY']\nos.environ['PYTHONPATH_API_KEY']\n")
    subprocess.run(["git", "init", "-q"], cwd=folder, env=user.env, check=True)
    said = user.lkr("init", cwd=folder, code=64)
    assert "--yes" in said
    assert "--import" in said
    assert not (folder / ".lkr.toml").exists()
    said = user.lkr("init", "--yes", "--import", cwd=folder)
    assert "GROQ_API_KEY is in app.py" in said
    assert "lkr set groq:main" in said
    assert "abcdef" not in said
    assert (folder / ".lkr.toml").read_text() == (
        'version = 1\n\n[keys]\nMISTRAL_API_KEY = "mistral:main"\nGROQ_API_KEY = "groq:main"\n'
    )
    assert (folder / ".gitignore").read_text() == ".lkr.local.toml\n"
    assert "mistral:main" in user.lkr("list")


def test_a_new_member_reads_one_line_and_runs_one_command(user: User) -> None:
    keys = 'OPENAI_API_KEY = "openai:prod"\nGROQ_API_KEY = "groq:team"'
    folder = user.project("team", keys, allow=False)
    (line,) = [each for each in user.lkr("export", "bash", cwd=folder, code=78).splitlines() if each.startswith("lkr:")]
    assert "OPENAI_API_KEY (openai:prod), GROQ_API_KEY (groq:team, not stored)" in line
    assert f"lkr init {folder}" in line
    child = pexpect.spawn(
        f"{BIN}/lkr", ["init", str(folder)], env={**user.env, "TERM": "dumb"}, cwd=str(user.home), encoding="utf-8"
    )
    answers = {"Allow": "", "Store it": "", "Label": "mine", "Value of groq:mine": "gsk_" + "x" * 20}
    for question, answer in answers.items():
        child.expect_exact(question)
        child.sendline(answer)
    if child.expect(["new shells load", "cannot install"]) == 0:
        child.sendline("n")
    child.expect(pexpect.EOF)
    child.close()
    assert (folder / ".lkr.local.toml").read_text() == '[keys]\nGROQ_API_KEY = "groq:mine"\n'
    assert user.lkr("exec", "--", "sh", "-c", "echo ${#GROQ_API_KEY}", cwd=folder) == "24\n"


def test_the_line_of_a_broken_manifest_is_the_plain_one(user: User) -> None:
    folder = user.project("broken", "OPENAI_API_KEY = ", allow=False)
    assert f"is not allowed yet; look at it and allow it: lkr allow {folder}" in user.lkr(
        "export", "bash", cwd=folder, code=78
    )
