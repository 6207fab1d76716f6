"""`lkr import --code`: keys in Python code go into the store, and the code then takes them from lkr."""

import subprocess
import sys

from conftest import VALUE, User

KEY = "gsk_0123456789abcdefghijABCDEFGHIJ"
APP = f"""import os
from dotenv import load_dotenv

load_dotenv()
os.environ["GROQ_API_KEY"] = "{KEY}"
print(len(os.environ["GROQ_API_KEY"]))
"""


def test_code_is_shown_then_changed_and_runs_with_keys_from_lkr(user: User) -> None:
    folder = user.home / "p"
    (folder / "src").mkdir(parents=True)
    (folder / "src/app.py").write_text(APP)
    (folder / "other.py").write_text("import os\nprint(os.environ)\n")
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    subprocess.run(["git", "add", "."], cwd=folder, check=True)
    said = user.lkr("import", "--code", "--dry-run", cwd=folder)
    assert "GROQ_API_KEY → groq:main (new)" in said
    assert '-os.environ["GROQ_API_KEY"] = "****"' in said and "+lkrshell.load()" in said
    assert "+lkrshell.load(required=False)" in said and "other.py" not in said
    assert KEY not in said
    assert (folder / "src/app.py").read_text() == APP
    assert "no terminal to ask on" in user.lkr("import", "--code", cwd=folder, code=2)
    assert (folder / "src/app.py").read_text() == APP

    said = user.typed("import", "--code", cwd=folder)
    assert "lkr: changed src/app.py" in said and "whose history keeps the values; revoke those keys" in said
    assert KEY not in said
    text = (folder / "src/app.py").read_text()
    assert text == (
        "import os\nimport lkrshell\n\nlkrshell.load(required=False)\nlkrshell.load()\n"
        'print(len(os.environ["GROQ_API_KEY"]))\n'
    )
    done = subprocess.run(
        [sys.executable, "src/app.py"], env=user.env, cwd=folder, capture_output=True, text=True, timeout=100
    )
    assert done.stdout == f"{len(KEY)}\n", done.stderr
    assert "no code to change there" in user.lkr("import", "--code", "src/app.py", cwd=folder, code=1)


def test_a_key_that_is_kept_as_it_is_keeps_its_code_too(user: User) -> None:
    folder = user.project("p")
    text = 'import os\nos.environ["OPENAI_API_KEY"] = "sk-another-0123456789"\n'
    (folder / "app.py").write_text(text)
    said = user.lkr("import", "--code", "--yes", cwd=folder)
    assert "kept openai:prod, which has another value; skipped OPENAI_API_KEY" in said
    assert (folder / "app.py").read_text() == text
    assert "sk-another" not in said
    assert VALUE in user.lkr("exec", "--", "env", cwd=folder)


def test_settings_beside_keys_in_env_keep_load_dotenv(user: User) -> None:
    folder = user.project("p")
    (folder / ".env").write_text("OPENAI_API_KEY=\nDEBUG=1\n")
    (folder / "app.py").write_text("from dotenv import load_dotenv\nload_dotenv()\n")
    user.lkr("import", "--code", "app.py", "--yes", cwd=folder)
    assert (folder / "app.py").read_text() == (
        "import lkrshell\nfrom dotenv import load_dotenv\nlkrshell.load(required=False)\nload_dotenv()\n"
    )


def test_a_link_out_of_the_project_is_not_followed(user: User) -> None:
    folder = user.project("p")
    outside = user.home / "outside.py"
    outside.write_text(APP)
    (folder / "app.py").symlink_to(outside)
    assert "is a link that leads out" in user.lkr("import", "--code", "app.py", "--yes", cwd=folder, code=2)
    assert outside.read_text() == APP
    for words in (["--environment"], ["--blank"], ["--json"]):
        user.lkr("import", "--code", *words, cwd=folder, code=64)


def test_no_other_key_in_a_changed_line_is_shown_and_the_import_may_follow_one_from_the_future(user: User) -> None:
    folder = user.project("p")
    old = "gsk_" + KEY[:3:-1]
    (folder / "app.py").write_text(
        f'from __future__ import annotations; import os\nos.environ["GROQ_API_KEY"] = "{KEY}"  # not {old}\n'
        f'os.environ["XAI_API_KEY"] = "xai-{KEY}"  # {KEY}\nprint(len(os.environ["GROQ_API_KEY"]))\n'
    )
    said = user.lkr("import", "--code", "--yes", cwd=folder)
    assert '-os.environ["GROQ_API_KEY"] = "****"  # not ****' in said and '"****"  # ****' in said
    assert KEY not in said and old not in said
    done = subprocess.run(
        [sys.executable, "app.py"], env=user.env, cwd=folder, capture_output=True, text=True, timeout=100
    )
    assert done.stdout == f"{len(KEY)}\n", done.stderr


def literal(value: str) -> str:
    return f'import os\nos.environ["GROQ_API_KEY"] = "{value}"\n'


def test_different_values_for_a_variable_stay_in_the_code(user: User) -> None:
    folder = user.project("p")
    other = f'os.environ["XAI_API_KEY"] = "xai-{KEY}"\n'
    before = {"a.py": literal(KEY), "b.py": literal(KEY + "2"), "c.py": literal(KEY) + other}
    for name, text in before.items():
        (folder / name).write_text(text)
    said = user.lkr("import", "--code", "--yes", cwd=folder)
    assert "skipped GROQ_API_KEY: the code gives it several values, in a.py:2, b.py:2, c.py:2" in said
    assert KEY not in said
    assert {name: (folder / name).read_text() for name in before} == {
        **before, "c.py": "import lkrshell\n" + literal(KEY) + "lkrshell.load()\n",
    }  # fmt: skip
    assert "groq:main" not in user.lkr("list", cwd=folder) and "xai:main" in user.lkr("list", cwd=folder)

    text = literal(KEY) + literal(KEY + "2")
    (folder / "a.py").write_text(text)
    assert "several values, in a.py:2, a.py:4" in user.lkr("import", "--code", "a.py", "--yes", cwd=folder)
    assert (folder / "a.py").read_text() == text


def test_only_edits_that_are_made_are_shown(user: User) -> None:
    folder = user.project("p", 'GROQ_API_KEY = "groq:main"')
    user.lkr("set", "groq:main", "--stdin", stdin=KEY.encode())
    text = f'{literal(KEY + "2")}os.environ["XAI_API_KEY"] = "your-key"\nload_dotenv()\n'
    (folder / "app.py").write_text(text)
    for words in (["--dry-run"], ["--yes"]):
        said = user.lkr("import", "--code", *words, cwd=folder)
        assert "kept groq:main, which has another value; skipped GROQ_API_KEY" in said
        changes = [line for line in said.splitlines() if line.startswith(("-", "+"))][2:]
        assert changes == ["+import lkrshell", "-load_dotenv()", "+lkrshell.load(required=False)"]
    assert (folder / "app.py").read_text() == "import lkrshell\n" + text.replace(
        "load_dotenv()", "lkrshell.load(required=False)"
    )


def test_each_file_is_changed_once_and_not_through_a_link(user: User) -> None:
    folder = user.project("p")
    (folder / "app.py").write_text(literal(KEY))
    (folder / "zoo.py").write_text(APP)
    (folder / "a_link.py").symlink_to("app.py")
    outside = user.home / "outside.py"
    outside.write_text(APP)
    (folder / "out.py").symlink_to(outside)
    said = user.lkr("import", "--code", "--yes", cwd=folder)
    assert "lkr: changed app.py" in said and "lkr: changed zoo.py" in said and "a_link.py" not in said
    assert "lkr: skipped out.py, which is a link" in said
    assert outside.read_text() == APP and (folder / "a_link.py").is_symlink()

    (folder / "app.py").write_text(literal(KEY))
    assert "lkr: changed app.py" in user.lkr("import", "--code", "a_link.py", "--yes", cwd=folder)
    assert (folder / "a_link.py").is_symlink() and KEY not in (folder / "app.py").read_text()


def test_code_that_python_cannot_read_is_named(user: User) -> None:
    folder = user.project("p")
    (folder / "old.py").write_text("x = 1\nprint 'old'\n")
    (folder / "app.py").write_text(literal(KEY))
    said = user.lkr("import", "--code", "old.py", "--yes", cwd=folder, code=1)
    assert "this Python cannot read old.py (line 2)" in said
    said = user.lkr("import", "--code", "--yes", cwd=folder)
    assert "this Python cannot read old.py (line 2); left it as it is" in said and "changed app.py" in said


def test_an_override_by_env_does_not_win_over_lkr(user: User) -> None:
    folder = user.project("p")
    (folder / ".env").write_text("OPENAI_API_KEY=old\nDEBUG=1\n")
    text = "import os\nfrom dotenv import load_dotenv\nload_dotenv(override=True)\n"
    (folder / "app.py").write_text(text + "print(len(os.environ['OPENAI_API_KEY']))\n")
    user.lkr("import", "--code", "app.py", "--yes", cwd=folder)
    done = subprocess.run(
        [sys.executable, "app.py"], env=user.env, cwd=folder, capture_output=True, text=True, timeout=100
    )
    assert done.stdout == f"{len(VALUE)}\n", done.stderr
