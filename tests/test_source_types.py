"""AWS by moto's server, pass itself, a command, and the other programs by stand-ins that check their words."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import read_only
from conftest import User

from lkrshell.sources import programs
from lkrshell.testing import check_source

KEY = "sk-from-the-team-0123456789"
MANIFEST = 'OPENAI_API_KEY = "team/openai:prod"'


def works(user: User, value: str = KEY) -> bool:
    folder = user.project("p", MANIFEST)
    return user.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=folder) == f"{value}\n"


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.mark.parametrize("service", ["secretsmanager", "ssm"])
def test_aws(user: User, moto: str, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    user.env |= {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    more = ("--set", f"service={service}", "--set", "region=eu-central-1", "--prefix", f"llm-{service}")
    user.lkr("source", "add", "team", "aws", moto, *more, "--yes")
    user.lkr("set", "team/openai:prod", "--stdin", stdin=KEY.encode())
    assert works(user)
    user.lkr("rotate", "team/openai:prod", "--stdin", stdin=KEY[::-1].encode())
    assert works(user, KEY[::-1])
    user.lkr("rotate", "team/openai:prod", "--undo")
    assert works(user)
    assert "team/openai:prod" in user.lkr("list", "--source", "team")
    user.lkr("rm", "team/openai:prod", "--yes")
    assert "does not have openai:prod" in user.lkr("exec", "--", "true", cwd=user.home / "p", code=1)
    assert "has a login of its own" in user.lkr("login", "team", "--stdin", stdin=b"x", code=64)


def test_aws_in_ci_without_a_home_on_a_read_only_disk(user: User, moto: str, tmp_path: Path) -> None:
    role = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "c", "ADDRESS": moto}
    script = """
lkr source add team aws "$ADDRESS" --set region=eu-central-1 --prefix ci --yes
printf %s "$KEY" | lkr set team/openai:prod --stdin
exec lkr exec -k team/openai:prod -- printenv OPENAI_API_KEY
"""
    done = read_only.run(script, {**role, "KEY": KEY}, user.program, tmp_path / "root")
    assert (done.returncode, done.stdout) == (0, f"{KEY}\n"), done.stderr


def test_aws_without_a_login_says_so(user: User, moto: str) -> None:
    user.env["AWS_EC2_METADATA_DISABLED"] = "true"
    user.lkr("source", "add", "team", "aws", moto, "--set", "region=eu-central-1", "--yes")
    assert "finds no AWS login on this machine" in user.lkr(
        "allow", "--yes", str(user.project("p", MANIFEST, allow=False))
    )


def test_pass_itself(user: User) -> None:
    user.env |= {"GNUPGHOME": str(user.home / "gnupg"), "PASSWORD_STORE_DIR": str(user.home / "store")}
    (user.home / "gnupg").mkdir(mode=0o700)
    gpg = ["gpg", "--batch", "--quiet", "--passphrase", ""]
    subprocess.run([*gpg, "--quick-generate-key", "team@example", "ed25519", "cert"], env=user.env, check=True)
    shown = subprocess.run(["gpg", "--with-colons", "-k"], env=user.env, check=True, capture_output=True, text=True)
    owner = next(line.split(":")[9] for line in shown.stdout.splitlines() if line.startswith("fpr"))
    subprocess.run([*gpg, "--quick-add-key", owner, "cv25519"], env=user.env, check=True)
    subprocess.run(["pass", "init", "team@example"], env=user.env, check=True, capture_output=True)
    try:
        user.lkr("source", "add", "team", "pass", "--prefix", "llm", "--yes")
        user.lkr("set", "team/openai:prod", "--stdin", "--force", stdin=KEY.encode())
        assert (user.home / "store/llm/openai/prod.gpg").exists()
        assert works(user)
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], env=user.env, check=False)


def test_a_command_of_my_own(user: User) -> None:
    user.lkr("source", "add", "team", "command", "/bin/echo", "sk-{provider}-{label}-0123456789", "--yes")
    assert works(user, "sk-openai-prod-0123456789")


def test_a_value_of_another_provider_is_not_taken_and_the_likely_provider_is_named(user: User) -> None:
    user.lkr("source", "add", "team", "command", "/bin/echo", "sk-proj-0123456789abcdef", "--yes")
    folder = user.project("p", 'GROQ_API_KEY = "team/groq:prod"')
    assert "returned a key of openai for team/groq:prod" in user.lkr("refresh", cwd=folder, code=1)
    said = user.lkr("set", "team/groq:new", "--stdin", stdin=b"gsk_0123456789abcdef", code=2)
    assert said.startswith("lkr: cannot write keys in the source team (command); "), said


def test_after_a_second_a_line_says_what_is_waited_for(user: User) -> None:
    user.lkr("source", "add", "--yes", "team", "command", "--", "/bin/sh", "-c", f"sleep 1.5; echo {KEY}")
    folder = user.project("p", MANIFEST, allow=False)
    assert "lkr: fetching from team ...\n" in user.lkr("allow", "--yes", cwd=folder)
    assert "fetching" not in user.lkr("exec", "--", "true", cwd=folder)


def test_import_leaves_the_copy_of_a_shared_key_alone(user: User) -> None:
    user.lkr("source", "add", "team", "command", "/bin/echo", KEY, "--yes")
    folder = user.project("p", f"{MANIFEST}\nGROQ_API_KEY = 'groq:main'")
    assert user.lkr("refresh", cwd=folder)
    (folder / ".env").write_text("OPENAI_API_KEY=sk-mine-0123456789\nGROQ_API_KEY=gsk_0123456789abcdef\n")
    said = user.lkr("import", ".env", "--yes", "--replace", "--blank", cwd=folder)
    assert "skipped OPENAI_API_KEY: the manifest gives it team/openai:prod" in said and "1 key is in" in said
    assert (folder / ".env").read_text().startswith("OPENAI_API_KEY=sk-mine-0123456789\n#")
    assert user.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=folder) == f"{KEY}\n"
    (folder / ".env").write_text("OPENAI_API_KEY=sk-mine-0123456789\n")
    assert "is a key of a source" in user.lkr(
        "import", ".env", "--as", "team/openai:prod", "--yes", cwd=folder, code=64
    )


def test_a_command_that_fails_takes_no_copy_away(user: User) -> None:
    program = user.home / "vaultctl"
    program.write_text(f"#!/bin/sh\necho {KEY}\n")
    program.chmod(0o755)
    user.lkr("source", "add", "team", "command", str(program), "read", "{provider}/{label}", "--yes")
    folder = user.project("p", MANIFEST)
    program.write_text(f"#!/bin/sh\necho {KEY} >&2; exit 3\n")
    out = user.lkr("refresh", cwd=folder, code=69)
    assert f"exit code 3); try it yourself: {program} read openai/prod" in out
    assert KEY not in out
    assert works(user)


# What each program is to be asked, and what it answers. These are stand-ins: the programs themselves need an account.
WORDS = {
    "op": (["read", "--no-newline", "op://llm/openai/prod"], KEY),
    "bw": (
        ["--nointeraction", "list", "items", "--search", "sub/openai/prod"],
        json.dumps([
            {"name": "sub/openai/prod-2", "login": {"password": "sk-another"}},
            {"name": "sub/openai/prod", "login": {"password": KEY}},
        ]),
    ),
    "gopass": (["show", "--password", "sub/openai/prod"], f"{KEY}\nuser: x\n"),
    "doppler": (
        ["secrets", "get", "OPENAI_PROD", "--plain", "--no-check-version", "--project", "llm", "--config", "sub"],
        f"{KEY}\n",
    ),
    "infisical": (
        ["secrets", "get", "OPENAI_PROD", "--plain", "--silent", "--projectId", "llm", "--env", "sub"], f"{KEY}\n",
    ),
    "gcloud": (
        ["secrets", "versions", "access", "latest", "--quiet", "--secret=sub-openai-prod", "--project=llm"], KEY,
    ),
    "az": (
        ["keyvault", "secret", "show", "--vault-name", "llm", "--name", "sub-openai-prod", "--output", "json"],
        json.dumps({"name": "sub-openai-prod", "value": KEY}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", WORDS)
def test_a_program_is_asked_in_its_own_words(user: User, kind: str) -> None:
    words, answer = WORDS[kind]
    program = user.home / "bin" / kind
    program.parent.mkdir()
    program.write_text(
        f"#!{sys.executable}\nimport sys\nassert sys.argv[1:] == {words!r}, sys.argv\nprint({answer!r}, end='')\n"
    )
    program.chmod(0o755)
    user.env["PATH"] = f"{program.parent}:{user.env['PATH']}"
    user.lkr("source", "add", "team", kind, "llm", "--prefix", "sub", "--yes")
    assert works(user)


@pytest.mark.parametrize(("kind", "count", "said"), [
    ("az", 0, "returned another key for openai:prod"),
    ("bw", 0, "has no item named sub/openai/prod"),
    ("bw", 2, "has 2 items named sub/openai/prod"),
])  # fmt: skip
def test_a_program_that_does_not_find_just_that_name_gives_no_key(user: User, kind: str, count: int, said: str) -> None:
    program = user.home / "bin" / kind
    program.parent.mkdir()
    found = {"name": "sub/openai/prod-old", "value": KEY, "login": {"password": KEY}}
    answer = json.dumps(found if kind == "az" else [found] + [{**found, "name": "sub/openai/prod"}] * count)
    program.write_text(f"#!/bin/sh\necho '{answer}'\n")
    program.chmod(0o755)
    user.env["PATH"] = f"{program.parent}:{user.env['PATH']}"
    user.lkr("source", "add", "team", kind, "llm", "--prefix", "sub", "--yes")
    assert said in user.lkr("allow", "--yes", str(user.project("p", MANIFEST, allow=False)))


def test_every_program_has_a_stand_in_or_runs_itself() -> None:
    assert set(programs.presets()) == {*WORDS, "pass"}


NOTES = '''
import json, os
from lkrshell.core.secret import Secret
from lkrshell.sources import base

class Notes(base.WithoutLogin):
    """Keys in a JSON file."""
    fields = ("path",)

    def __init__(self, settings, login):
        self.name, self._settings, self._path = settings.name, settings, settings.get("path")
        self.capabilities = frozenset({base.WRITES, base.LISTS})

    def _all(self):
        return json.load(open(self._path)) if os.path.exists(self._path) else {}

    def _keep(self, every):
        json.dump(every, open(self._path, "w"))

    def read(self, names, leases):
        every = self._all()
        return {n: base.Answer(Secret(every[n])) if n in every else base.Answer(None, why=base.MISSING) for n in names}

    def write(self, name, value):
        self._keep({**self._all(), name: value.reveal()})

    def remove(self, name):
        self._keep({n: v for n, v in self._all().items() if n != name})

    def names(self):
        return sorted(self._all())

    def previous(self, name):
        return None
'''
CHECK = """
import sys
from lkrshell.sources import registry, settings
from lkrshell.testing import check_source
table = {"type": "notes", "path": sys.argv[1]}
check_source(registry.open_source(settings.parse("team", table, "here"), None))
"""


def test_a_type_of_another_package(user: User, tmp_path: Path) -> None:
    package, info = tmp_path / "site", tmp_path / "site/notes_for_lkr-1.0.dist-info"
    info.mkdir(parents=True)  # as pip installs it
    (package / "notes_for_lkr.py").write_text(NOTES)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: notes-for-lkr\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[lkrshell.sources]\nnotes = notes_for_lkr:Notes\n")
    user.env["PYTHONPATH"] = str(package)
    words = [sys.executable, "-c", CHECK, str(tmp_path / "checked.json")]
    done = subprocess.run(words, env=user.env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    path = f"path={tmp_path / 'notes.json'}"
    assert "unknown field 'place'" in user.lkr("source", "add", "team", "notes", "--set", "place=x", "--yes", code=1)
    assert "name its keys team/provider:label" in user.lkr("source", "add", "team", "notes", "--set", path, "--yes")
    user.lkr("set", "team/openai:prod", "--stdin", stdin=KEY.encode())
    assert works(user)
    assert "team/openai:prod" in user.lkr("list", "--source", "team")
    del user.env["PYTHONPATH"]
    assert "unknown type 'notes'" in user.lkr("refresh", cwd=user.home / "p", code=1)
    assert works(user), "the copy serves without the package"


def test_a_source_keeps_the_contract(tmp_path: Path) -> None:
    from lkrshell.sources.settings import parse

    folder = tmp_path / "keys"
    folder.mkdir()
    script = tmp_path / "keeper"
    script.write_text(
        '#!/bin/sh\ncd "$(dirname "$0")/keys"\ncase $1 in read) cat "$2" ;; write) cat >"$2" ;; rm) rm "$2" ;; '
        'ls) ls | sed "s,:,/," ;; esac\n'
    )
    script.chmod(0o755)
    table = {
        "type": "command", "read": [str(script), "read", "{provider}:{label}"],
        "write": [str(script), "write", "{provider}:{label}"], "delete": [str(script), "rm", "{provider}:{label}"],
        "list": [str(script), "ls"],
    }  # fmt: skip
    check_source(programs.Program(parse("team", table, "here")))
