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
