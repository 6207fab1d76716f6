"""`lkr scan`: what it finds in files, what it says of it, and what it stays away from. Real files, real git."""

import base64
import gzip
import json
import os
import random
import string
import subprocess
import sys
from pathlib import Path

import pexpect
import pytest
from conftest import OTHER, VALUE, User
from shells import wait_for_question

ALPHABET = string.ascii_letters + string.digits


def key(prefix: str, length: int = 40) -> str:
    """What looks like a key, and is none."""
    return prefix + "".join(random.choices(ALPHABET, k=length))


@pytest.fixture
def folder(user: User) -> Path:
    """A repository with nothing in it."""
    return user.repository()


def found(user: User, folder: Path, *words: str, stdin: bytes = b"") -> list[dict[str, object]]:
    """The findings of `lkr scan --json`. No output may hold a value."""
    done = user.run("scan", "--json", *words, stdin=stdin, cwd=folder)
    said = done.stdout
    assert VALUE not in said and OTHER not in said and "Traceback" not in done.stderr
    rows: list[dict[str, object]] = json.loads(said)["findings"]
    assert done.returncode == bool(rows)
    return rows


def test_a_stored_key_in_a_file_is_named_and_not_shown(user: User, folder: Path) -> None:
    (folder / ".env").write_text(f"# mine\nOPENAI_API_KEY={VALUE}\n")
    said = user.lkr("scan", cwd=folder, code=1)
    assert ".env:2  openai:prod" in said and VALUE not in said and VALUE[:12] not in said
    assert "1 key in plain text at 1 place" in said


def test_a_key_that_is_not_stored_is_known_by_its_shape(user: User, folder: Path) -> None:
    secret = key("sk-ant-api03-")
    (folder / "app.py").write_text(f"client = Anthropic(api_key='{secret}')\n")
    said = user.lkr("scan", cwd=folder, code=1)
    assert "app.py:1  anthropic sk-ant-a..." in said and secret not in said
    assert secret[-4:] not in said


def test_a_reference_to_another_store_is_not_a_key(user: User, folder: Path) -> None:
    (folder / ".env").write_text(
        f"XAI_API_KEY=op://dev/x2{key('', 24)}/credential\nMISTRAL_API_KEY=$(op read op://dev/{key('')}/key)\n"
        f'GROQ_API_KEY="encrypted:{key("B", 80)}"\nCOHERE_API_KEY=vault:{key("")}\n'
    )
    assert found(user, folder) == []


def test_a_clean_project_ends_with_0(user: User, folder: Path) -> None:
    (folder / "app.py").write_text("import os\nkey = os.environ['OPENAI_API_KEY']\n")
    assert "no keys found; 1 file read" in user.lkr("scan", cwd=folder)


def test_a_fingerprint_is_new_in_each_run(user: User, folder: Path) -> None:
    (folder / "a").write_text(key("gsk_") + "\n")
    first, second = found(user, folder), found(user, folder)
    assert first[0]["fingerprint"] != second[0]["fingerprint"]


def test_what_git_has_comes_before_what_it_ignores(user: User, folder: Path) -> None:
    (folder / ".gitignore").write_text(".env\n")
    for name in (".env", "new.py", "old.py"):
        (folder / name).write_text(f'x = "{key("hf_", 34)}"\n')
    user.git("add", "old.py", cwd=folder)
    rows = found(user, folder)
    assert [(row["path"], row["state"]) for row in rows] == [
        ("old.py", "tracked"), ("new.py", "untracked"), (".env", "ignored"),
    ]  # fmt: skip
    assert {row["provider"] for row in rows} == {"huggingface"}


@pytest.mark.parametrize(
    "text",
    [
        VALUE,
        base64.b64encode(b"user:" + VALUE.encode()).decode(),
        base64.encodebytes(b"x" * 50 + VALUE.encode()).decode(),
        json.dumps(f'export A="{VALUE}"'),
        f'"{VALUE[:9]}" +\n    "{VALUE[9:]}"',
        f"{VALUE[:11]}\\\n{VALUE[11:]}",
    ],
    ids=["plain", "base64", "wrapped base64", "JSON", "two strings", "continued line"],
)
def test_a_stored_key_is_found_however_it_is_written(user: User, folder: Path, text: str) -> None:
    (folder / "notes.txt").write_text(f"before\n{text}\nafter\n")
    rows = found(user, folder)
    assert [(row["key"], row["path"]) for row in rows] == [("openai:prod", "notes.txt")]


def test_standard_input_is_searched(user: User, folder: Path) -> None:
    rows = found(user, folder, "-", stdin=f"one\ntwo {VALUE}\n".encode())
    assert [(row["key"], row["line"]) for row in rows] == [("openai:prod", 2)]
    for text in (VALUE, key("gsk_")):
        said = user.lkr("scan", "-", cwd=folder, stdin=text.encode(), code=1)
        assert "remove it where the text comes from" in said and "--fix" not in said and "a file" not in said
        assert "1 place; standard input read" in said
    assert "no keys found; standard input read" in user.lkr("scan", "-", cwd=folder, stdin=b"x")


def test_utf_16_is_read(user: User, folder: Path) -> None:
    secret = key("r8_", 37)
    (folder / "out.txt").write_text(f"{secret}\r\n{VALUE}\r\n", encoding="utf-16")
    assert {row["key"] for row in found(user, folder)} == {None, "openai:prod"}


def test_examples_are_ignored_by_mark_and_by_pattern_and_a_stored_key_never(user: User, folder: Path) -> None:
    (folder / "a.py").write_text(f"x = '{key('gsk_')}'  # lkr-scan: ignore\ny = '{VALUE}'  # lkr-scan: ignore\n")
    (folder / "fixtures").mkdir()
    (folder / "fixtures/b").write_text(f"{key('xai-')}\n{OTHER}\n")
    (folder / ".lkr-scan-ignore").write_text("# examples\nfixtures/\n")
    rows = found(user, folder)
    assert sorted(str(row["key"]) for row in rows) == ["anthropic:main", "openai:prod"]


def test_a_locked_store_is_reported_and_shapes_are_found_all_the_same(user: User, folder: Path) -> None:
    user.lkr("lock")
    (folder / "a").write_text(f"{VALUE}\n{key('nvapi-', 64)}\n")
    said = user.lkr("scan", cwd=folder, code=1)
    assert "stored keys were not searched for: the vault is locked; lkr unlock" in said
    assert "nvidia nvapi-" in said
    assert "stored keys" not in user.lkr("scan", "--no-stored", cwd=folder, code=1)


def test_a_newcomer_without_a_store_can_scan(tmp_path: Path) -> None:
    user = User(tmp_path / "home")
    user.home.mkdir()
    (user.home / "x").write_text(key("pplx-", 48))
    assert "perplexity" in user.lkr("scan", "x", code=1)
    assert not (user.home / ".local/share/lkr").exists(), "nothing is made"


def test_nothing_out_of_the_folder_is_read_and_nothing_hangs(user: User, folder: Path) -> None:
    outside = user.home / "outside"
    outside.mkdir()
    (outside / "secret").write_text(VALUE)
    (folder / "file").symlink_to(outside / "secret")
    (folder / "dir").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    user.git("add", "-A", cwd=folder)
    os.mkfifo(folder / "pipe")
    with (folder / "sparse").open("wb") as file:
        file.truncate(10 << 30)
    (folder / "binary").write_bytes(bytes(range(256)) * 100 + VALUE.encode())
    (folder / "latin").write_bytes(b"\xe9\xff\xfe" * 100 + VALUE.encode())
    (folder / "new\nline").write_text(VALUE)
    said = user.lkr("scan", cwd=folder, code=1)
    assert "sparse was read only in its first 64 MiB" in said
    assert "outside" not in said and "3 places" in said and "new\\nline:1" in said


def test_a_tracked_folder_that_became_a_link_is_not_followed(user: User, folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub/a").write_text("nothing")
    user.git("add", "-A", cwd=folder)
    outside = user.home / "outside"
    (folder / "sub").rename(outside)
    (outside / "a").write_text(VALUE)
    (folder / "sub").symlink_to(outside)
    assert found(user, folder) == []


def test_what_cannot_be_read_is_reported_and_no_success_if_it_was_named(user: User, folder: Path) -> None:
    (folder / "closed").mkdir(mode=0)
    (folder / "file").write_text("x")
    (folder / "file").chmod(0)
    # root may read everything, unless it gives that up
    humble = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []

    def scan(*paths: str) -> tuple[int, str]:
        words = [*humble, sys.executable, "-m", "lkrshell", "scan", *paths]
        done = subprocess.run(words, cwd=folder, env=user.env, capture_output=True, text=True)
        return done.returncode, done.stderr

    code, said = scan()
    assert code == 0 and "closed" in said and "file could not be read" in said
    for name in ("closed", "file"):
        code, said = scan(name)
        assert code == 1 and f"{name} could not be read" in said and "nothing read" in said


def test_a_named_pipe_a_link_to_nothing_and_a_compressed_file_are_no_success(user: User, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to("nowhere")
    (folder / "log.gz").write_bytes(gzip.compress(f"{VALUE}\n".encode()))
    for name in ("pipe", "link"):
        assert f"{name} could not be read" in (said := user.lkr("scan", name, cwd=folder, code=1))
        assert "no keys found; nothing read" in said
    assert "log.gz was not unpacked" in user.lkr("scan", "log.gz", cwd=folder, code=1)
    said = user.lkr("scan", cwd=folder)
    assert "log.gz was not unpacked" in said and "1 file read" in said


def test_a_link_that_was_named_is_followed(user: User, folder: Path) -> None:
    (folder / "file").write_text(VALUE)
    (folder / "deep").mkdir()
    (folder / "deep/other").write_text(OTHER)
    (folder / "link").symlink_to("file")
    (folder / "to-deep").symlink_to("deep")
    assert {row["path"] for row in found(user, folder, "link", "to-deep")} == {"file", "deep/other"}


def test_an_agent_searches_its_own_project_only(user: User, folder: Path) -> None:
    (folder / "a").write_text(VALUE)
    (user.home / "elsewhere").write_text(OTHER)
    user.by_agent()
    assert "openai:prod" in user.lkr("scan", cwd=folder, code=1)
    said = user.lkr("scan", "../elsewhere", cwd=folder, code=2)
    assert "may search only its own project" in said and "anthropic" not in said


def test_fix_takes_keys_in_and_out_of_where_they_lay(user: User, folder: Path) -> None:
    groq, xai = key("gsk_"), key("xai-")
    (folder / ".env").write_text(f"# mine\nGROQ_API_KEY={groq}\nOTHER=1\n")
    (folder / ".bashrc").write_text(f"if true; then\nexport XAI_API_KEY='{xai}'\nfi\n")
    (folder / ".bash_history").write_text(f"ls\ncurl -H 'Bearer {VALUE}'\ncd\n")
    (folder / "app.py").write_text(f"x = '{VALUE}'\n")
    (folder / "env.py").write_text(f"import os\nos.environ['OPENAI_API_KEY'] = '{VALUE}'\n")
    child = user.on_terminal("scan", "--fix", cwd=folder, columns=300)
    screen = ""
    while child.expect([r"\[y/N\]:? ", pexpect.EOF]) == 0:
        screen += str(child.before)
        wait_for_question(child)
        child.sendline("y")
    screen += str(child.before)
    assert not any(value in screen for value in (VALUE, groq, xai))
    assert "GROQ_API_KEY= moved to lkr: groq:main" in (folder / ".env").read_text()
    assert (folder / ".bashrc").read_text() == "if true; then\n: # XAI_API_KEY moved to lkr: xai:main\nfi\n"
    assert (folder / ".bash_history").read_text() == "ls\ncd\n"
    assert 'os.environ["OPENAI_API_KEY"]' in screen
    assert "import --code env.py" in screen and "import --code app.py" not in screen
    assert 'GROQ_API_KEY = "groq:main"' in (folder / ".lkr.toml").read_text()
    assert "groq:main" in user.lkr("status", cwd=folder)
    assert groq in user.lkr("get", "groq:main", "--force-plain")
    assert {row["path"] for row in found(user, folder)} == {"app.py", "env.py"}


def test_fix_changes_nothing_after_a_no_and_no_manifest_that_is_not_allowed(user: User, folder: Path) -> None:
    files = {".env": f"GROQ_API_KEY={key('gsk_')}\n", ".lkr.toml": 'version = 1\n[keys]\nA_KEY = "openai:prod"\n'}
    for name, text in files.items():
        (folder / name).write_text(text)
    for answer in ("n", "y"):
        child = user.on_terminal("scan", "--fix", cwd=folder, columns=300)
        screen = ""
        while child.expect([r"\[y/N\]:? ", pexpect.EOF]) == 0:
            screen += str(child.before)
            child.sendline(answer)
        assert (folder / ".lkr.toml").read_text() == files[".lkr.toml"]
        assert ((folder / ".env").read_text() == files[".env"]) == (answer == "n")
    assert ".lkr.toml stays as it is: the manifest's current content is not allowed" in screen + str(child.before)


def test_fix_masks_a_key_in_the_outputs_of_a_notebook(user: User, folder: Path) -> None:
    path = folder / "n.ipynb"
    output = {"name": "stdout", "output_type": "stream", "text": ["é\n", f"{VALUE}\n"]}
    rich = {"output_type": "display_data", "data": {"text/html": f"<b>{VALUE}</b>"}, "metadata": {}}
    code = {"cell_type": "code", "source": ["print(key)"], "outputs": [output, rich], "metadata": {}}
    path.write_text(json.dumps({"cells": [code], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1))
    assert user.typed("scan", "--fix", "n.ipynb", cwd=folder, code=1)
    document = json.loads(path.read_text())
    assert VALUE not in path.read_text() and document["cells"][0]["source"] == ["print(key)"]
    assert document["cells"][0]["outputs"][0]["text"] == ["é\n", "[lkr openai:prod]\n"]


def test_fix_needs_somebody_to_ask(user: User, folder: Path) -> None:
    (folder / "a").write_text(VALUE)
    assert "there is no terminal" in user.lkr("scan", "--fix", cwd=folder, code=2)
