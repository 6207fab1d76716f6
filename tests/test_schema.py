"""The manifest's JSON Schema: a checker and a TOML editor's own linter accept it, and it says what the parser says."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest
from conftest import User
from hypothesis import given
from hypothesis import strategies as st

import lkrshell
from lkrshell.core import names
from lkrshell.core.errors import ManifestError
from lkrshell.project import manifest, schema

BIN = Path(sys.executable).parent
PACKAGE = Path(lkrshell.__file__).parent / "project"
HEAD = "version = 1\n[keys]\n"
CHECK = {local: jsonschema.Draft7Validator(schema.schema(local)) for local in (False, True)}
LONG = "x" * names.MAX_NAME
GOOD = [
    "version = 1",
    HEAD,
    HEAD + 'OPENAI_API_KEY = "openai:prod"',
    HEAD + 'A_KEY = { key = "a:b" }\nB2_TOKEN = "0:1-"',
    HEAD + 'HF_TOKEN = { key = "huggingface:read", optional = true, scope = "exec" }',
    HEAD + 'GROQ_API_KEY = { key = "groq:ci", optional = false, scope = "shell" }',
    HEAD + 'GROQ_API_KEY = { key = "groq:ci", scope = { commands = ["python3.12", "claude"] } }',
    'version = 1\ninherit = true\nkeys = ["openai:prod", "anthropic:main"]',
    "version = 1\ninherit = false\nkeys = []",
    'version = 1\n[profiles.staging.keys]\nOPENAI_API_KEY = "openai:stg"',
    'version = 1\n[profiles.a-B_9]\n[profiles.other]\nkeys = ["openai:stg"]',
    HEAD + 'AZURE_OPENAI_EMBEDDINGS_API_KEY = "azure:embeddings"',
    HEAD + f'{LONG[4:].upper()}_KEY = "openai:prod"',
    'version = 1\nvia = "broker"\nkeys = ["openai:prod"]',
    'version = 1\nvia = "environment"',
    HEAD
    + 'A_KEY = { key = "a:b", via = "broker", models = ["claude-*", "meta-llama/Llama-3?8b"], budget = "0.5/day" }',
    HEAD + 'A_KEY = { key = "a:b", via = "environment", rate = "60/min", tokens = "1.5M/week" }',
    HEAD + 'A_KEY = { key = "a:b", budget = "0/month", rate = "0/min", tokens = "1500/day" }',
    HEAD + f'A_KEY = "a:{LONG[2:]}"',
    HEAD + "".join(f'K{n}_KEY = "openai:prod"\n' for n in range(256)),
]
BAD = [
    "",
    "version = 2",
    'version = "1"',
    "version = true",
    "version = 1\ncolor = 3",
    "version = 1\ninherit = 1",
    'version = 1\nprofile = "staging"',
    "version = 1\nkeys = 3",
    "version = 1\nprofiles = []",
    'version = 1\nkeys = ["openai"]',
    'version = 1\nkeys = ["openai:a", "openai:a"]',
    "version = 1\n[profiles.x]\nkey = 1",
    'version = 1\n[profiles."a b".keys]',
    'version = 1\n[profiles.x.keys]\nPATH = "openai:prod"',
    "version = 1\nprofiles.x = 3",
    HEAD + 'openai = "openai:prod"',
    HEAD + '1A = "openai:prod"',
    HEAD + '"" = "openai:prod"',
    HEAD + f'{LONG.upper()}_KEY = "openai:prod"',
    HEAD + f'A_KEY = "a:{LONG}"',
    HEAD + 'A_KEY = ""',
    HEAD + 'A_KEY = "openai:"',
    HEAD + 'A_KEY = "OpenAI:prod"',
    HEAD + 'A_KEY = "sk-proj-0123456789abcdefghijkl"',
    HEAD + "A_KEY = 1",
    HEAD + 'A_KEY = ["openai:prod"]',
    HEAD + "A_KEY = { optional = true }",
    HEAD + 'A_KEY = { key = "openai:prod", mode = 1 }',
    HEAD + 'A_KEY = { key = "openai:prod", scope = "all" }',
    HEAD + 'A_KEY = { key = "openai:prod", scope = { commands = [] } }',
    HEAD + 'A_KEY = { key = "openai:prod", scope = { commands = ["cd"] } }',
    HEAD + 'A_KEY = { key = "openai:prod", scope = { commands = ["a b"] } }',
    HEAD + 'A_KEY = { key = "openai:prod", scope = { commands = ["TRAPDEBUG"] } }',
    HEAD + 'A_KEY = { key = "openai:prod", scope = { commands = ["precmd"] } }',
    HEAD + 'A_KEY = { key = "openai:prod", scope = { commands = "python" } }',
    HEAD + 'A_KEY = { key = "openai:prod", scope = { commands = ["python"], more = 1 } }',
    HEAD + 'A_KEY = { key = "openai:prod", scope = {} }',
    HEAD + 'A_KEY = { key = "openai:prod", optional = "yes" }',
    'version = 1\nvia = "proxy"',
    'version = 1\nvia = ""',
    "version = 1\nvia = true",
    *(
        HEAD + f'A_KEY = {{ key = "openai:prod", {field} }}'
        for field in (
            'via = ""',
            'via = "proxy"',
            "via = 1",
            "models = []",
            'models = "claude-*"',
            'models = ["a b"]',
            'models = [""]',
            "models = [1]",
            'models = ["[a-z]"]',
            f"models = {['m'] * 33}",
            'models = ["-m"]',
            'budget = ""',
            'budget = "20"',
            'budget = "20/hour"',
            'budget = "-1/day"',
            'budget = "1e3/day"',
            'budget = "020/day"',
            'budget = "1.1234567/day"',
            'budget = "$20/day"',
            "budget = 20",
            'budget = "20/day "',
            'rate = "60"',
            'rate = "60/s"',
            'rate = "1.5/min"',
            "rate = 60",
            'rate = ["60/min"]',
            'tokens = "2m/day"',
            'tokens = "1.5/day"',
            'tokens = "2M"',
            'tokens = "2 M/day"',
            "tokens = {}",
        )
    ),
    HEAD + "".join(f'K{n}_KEY = "openai:prod"\n' for n in range(257)),
    *(
        HEAD + f'{variable} = "openai:prod"'
        for variable in """PATH ENV IFS PS1 HOME LD_PRELOAD DYLD_X PYTHONPATH PYTHON GIT_SSH NODE_OPTIONS BASH_ENV
            PROMPT_COMMAND HTTPS_PROXY SSL_CERT_FILE MY_SSL_CERT_X REQUESTS_CA_BUNDLE LKR_STATE XDG_DATA_HOME TERM
            TERMINFO MANPAGER GEM_PATH EDITOR SAVEHIST OPENAI_BASE_URL CLAUDECODE PERLLIB LOCALDOMAIN""".split()
    ),
]
NOT_IN_A_SCHEMA = [
    HEAD + 'OURS = "openai:prod"',
    "version = 1.0",
    'version = 1\nkeys = ["openai:a", "openai:b"]',
    'version = 1\nkeys = ["no:prod"]',
]


def parser_takes(text: str, local: bool = False, let_in: str = "") -> bool:
    try:
        if local:
            manifest.parse("/p/.lkr.toml", "version = 1", "/p/.lkr.local.toml", text)
        else:
            manifest.parse("/p/.lkr.toml", text, let_in=(let_in,))
    except ManifestError:
        return False
    return True


def schema_takes(text: str, local: bool = False) -> bool:
    return bool(CHECK[local].is_valid(tomllib.loads(text)))


@pytest.mark.parametrize("name", schema.FILES)
def test_the_files_are_what_the_parser_s_rules_say(name: str, user: User) -> None:
    assert (PACKAGE / name).read_text() == schema.text(name), "run make completions"
    assert user.lkr("schema", *["--local"] * ("local" in name)) == schema.text(name)


def test_a_checker_of_schemas_accepts_them() -> None:
    files = [str(PACKAGE / name) for name in schema.FILES]
    subprocess.run([BIN / "check-jsonschema", "--check-metaschema", *files], check=True, capture_output=True)
    assert all(json.loads(Path(file).read_text())["$schema"].endswith("draft-07/schema#") for file in files)


@pytest.mark.parametrize("text", GOOD)
def test_the_schema_takes_what_the_parser_takes(text: str) -> None:
    assert parser_takes(text)
    assert schema_takes(text)


@pytest.mark.parametrize("text", BAD)
def test_the_schema_refuses_what_the_parser_refuses(text: str) -> None:
    assert not parser_takes(text)
    assert not schema_takes(text)


@pytest.mark.parametrize("text", NOT_IN_A_SCHEMA)
def test_what_a_schema_cannot_say_the_parser_still_refuses(text: str) -> None:
    assert not parser_takes(text)
    assert schema_takes(text)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("", True),
        ('profile = "staging"', True),
        ('profile = ""', True),
        ('inherit = false\n[keys]\nA_KEY = "openai:mine"', True),
        ('profile = "a b"', False),
        ("profile = 1", False),
        ("version = 2", False),
        ('[keys]\nPATH = "openai:mine"', False),
    ],
)
def test_the_local_file_has_a_schema_of_its_own(text: str, good: bool) -> None:
    assert parser_takes(text, local=True) is good
    assert schema_takes(text, local=True) is good


@given(
    st.from_regex(
        r"[A-Z_]{0,3}(LD_|PATH|PYTHON|_PROXY|SSL_CERT|ENV|HOME|API|KEY|PAGER|TERM)[A-Z0-9_]{0,3}", fullmatch=True
    )
)
def test_schema_and_parser_agree_on_every_variable(variable: str) -> None:
    text = HEAD + f'{variable} = "openai:prod"'
    assert parser_takes(text, let_in=variable) == schema_takes(text)
    assert not parser_takes(text) or schema_takes(text)


@given(st.text(st.sampled_from("ab0-:_A sk"), max_size=12))
def test_schema_and_parser_agree_on_every_name_of_a_key(name: str) -> None:
    text = HEAD + f'A_KEY = "{name}"'
    assert parser_takes(text) == schema_takes(text)


def test_an_editor_s_linter_takes_the_comment_and_points_at_the_word(user: User) -> None:
    folder = user.home / "p"
    folder.mkdir()
    (folder / "lkr.schema.json").write_text(user.lkr("schema"))
    path = folder / ".lkr.toml"

    def lint(text: str) -> tuple[int, str]:
        path.write_text("#:schema ./lkr.schema.json\n" + text)
        done = subprocess.run(
            [BIN / "taplo", "lint", str(path)], env=user.env, cwd=folder, capture_output=True, text=True
        )
        return done.returncode, done.stderr

    assert lint(HEAD + 'OPENAI_API_KEY = "openai:prod"')[0] == 0
    code, says = lint(HEAD + 'OPENAI_API_KEY = "openai:prod"\nHF_TOKEN = "huggingface"')
    assert code == 1
    assert ".lkr.toml:5:12" in says
    for variable in ("LD_PRELOAD", "OLLAMA_HOST", "SAVEHIST", "MY_EDITOR"):
        code, says = lint(HEAD + f'{variable} = "openai:prod"')
        assert code == 1
        assert f".lkr.toml:4:{len(variable) + 4}" in says
    assert lint(HEAD + 'PROMPTFOO_API_KEY = "promptfoo:main"\nDATABASE_URL = "db:main"')[0] == 0
