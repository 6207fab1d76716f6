"""Vendors' own packages, and others that speak to them, in a shell that did nothing but `cd` into a project."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_programs import HOME, NODE
from brokers import Broker
from conftest import Template
from shells import Shell
from vendor import REAL, WORDS, Standin

from lkrshell.broker.interfaces import Refused

TEXT = "".join(WORDS)

# Each prints what it got: the text, in pieces and whole, and what an error says. `NAMES` are the ways of the stand-in.
OPENAI = """
import openai
client = openai.OpenAI()
ask = [{"role": "user", "content": "hi"}]
stream = client.chat.completions.create(model="m", messages=ask, stream=True)
print("stream", *[chunk.choices[0].delta.content or "" for chunk in stream], sep="|")
print("whole", client.chat.completions.create(model="m", messages=ask).choices[0].message.content)
events = list(client.responses.create(model="m", input="hi", stream=True))
print("responses", "".join(e.delta for e in events if e.type == "response.output_text.delta"), events[-1].type)
print("response", client.responses.create(model="m", input="hi").output_text)
print("embedding", client.embeddings.create(model="m", input="hi").data[0].embedding)
print("models", [each.id for each in client.models.list()])
for way in ("do-429", "do-500", "do-echo-error", "do-redirect"):
    try:
        client.with_options(max_retries=0).chat.completions.create(model=way, messages=ask)
    except openai.APIStatusError as error:
        print("error", type(error).__name__, error.status_code, error.message)
try:
    client.files.list()
except openai.APIStatusError as error:
    print("error", type(error).__name__, error.status_code, error.message)
"""
ANTHROPIC = """
import anthropic
client = anthropic.Anthropic()
ask = dict(model="m", max_tokens=100, messages=[{"role": "user", "content": "hi"}])
with client.messages.stream(**ask) as stream:
    print("stream", *stream.text_stream, sep="|")
print("whole", client.messages.create(**ask).content[0].text)
print("count", client.messages.count_tokens(model="m", messages=ask["messages"]).input_tokens)
print("models", [each.id for each in client.models.list()])
for way in ("do-429", "do-500", "do-echo-error", "do-redirect"):
    try:
        client.with_options(max_retries=0).messages.create(**{**ask, "model": way})
    except anthropic.APIStatusError as error:
        print("error", type(error).__name__, error.status_code, error.message)
try:
    client.beta.files.list()
except anthropic.APIStatusError as error:
    print("error", type(error).__name__, error.status_code, error.message)
"""
GEMINI = """
from google import genai
client = genai.Client()
print("stream", *[each.text for each in client.models.generate_content_stream(model="m", contents="hi")], sep="|")
print("whole", client.models.generate_content(model="m", contents="hi").text)
print("count", client.models.count_tokens(model="m", contents="hi") is not None)
print("embedding", client.models.embed_content(model="m", contents="hi").embeddings[0].values)
for way in ("do-429", "do-500", "do-echo-error", "do-redirect"):
    try:
        client.models.generate_content(model=way, contents="hi")
    except genai.errors.APIError as error:
        print("error", type(error).__name__, error.code, error.message)
try:
    client.files.list()
    print("error none")
except genai.errors.APIError as error:
    print("error", type(error).__name__, error.code, error.message)
"""
GROQ = """
import groq
client = groq.Groq()
ask = [{"role": "user", "content": "hi"}]
stream = client.chat.completions.create(model="m", messages=ask, stream=True)
print("stream", *[chunk.choices[0].delta.content or "" for chunk in stream], sep="|")
print("whole", client.chat.completions.create(model="m", messages=ask).choices[0].message.content)
for way in ("do-429", "do-echo-error"):
    try:
        client.with_options(max_retries=0).chat.completions.create(model=way, messages=ask)
    except groq.APIStatusError as error:
        print("error", type(error).__name__, error.status_code, error.message)
"""
COHERE = """
import cohere
client = cohere.ClientV2()
ask = [{"role": "user", "content": "hi"}]
events = client.chat_stream(model="m", messages=ask)
print("stream", *[e.delta.message.content.text for e in events if e.type == "content-delta"], sep="|")
print("whole", client.chat(model="m", messages=ask).message.content[0].text)
print("embedding", client.embed(model="m", texts=["x"], input_type="search_query", embedding_types=["float"]).id)
try:
    client.chat(model="do-echo-error", messages=ask)
except cohere.core.ApiError as error:
    print("error", type(error).__name__, error.status_code, error.body)
"""
MISTRAL = """
import os
from mistralai.client import Mistral
client = Mistral(api_key=os.environ["MISTRAL_API_KEY"], server_url=os.environ["MISTRAL_BASE_URL"])
ask = [{"role": "user", "content": "hi"}]
with client.chat.stream(model="m", messages=ask) as stream:
    print("stream", *[each.data.choices[0].delta.content or "" for each in stream], sep="|")
print("whole", client.chat.complete(model="m", messages=ask).choices[0].message.content)
"""
LITELLM = """
import litellm
for model in ("openai/m", "anthropic/m", "gemini/m", "groq/m", "mistral/m", "cohere_chat/m"):
    ask = dict(model=model, messages=[{"role": "user", "content": "hi"}], max_retries=0)
    print("whole", model, litellm.completion(**ask).choices[0].message.content, sep="|")
    if model == "cohere_chat/m":
        continue  # it reads no stream of Cohere that names its events
    pieces = [chunk.choices[0].delta.content or "" for chunk in litellm.completion(stream=True, **ask)]
    print("stream", model, len([piece for piece in pieces if piece]), "".join(pieces), sep="|")
print("embedding", litellm.embedding(model="openai/m", input=["hi"]).data[0]["embedding"])
"""
JAVASCRIPT = """
import OpenAI from "openai";
const client = new OpenAI({ maxRetries: 0 });
const messages = [{ role: "user", content: "hi" }];
const pieces = [];
for await (const chunk of await client.chat.completions.create({ model: "m", messages, stream: true }))
  pieces.push(chunk.choices[0]?.delta.content ?? "");
console.log(["stream", ...pieces].join("|"));
console.log("whole " + (await client.chat.completions.create({ model: "m", messages })).choices[0].message.content);
const events = [];
for await (const event of await client.responses.create({ model: "m", input: "hi", stream: true })) events.push(event);
const deltas = events.filter((event) => event.type === "response.output_text.delta").map((event) => event.delta);
console.log("responses " + deltas.join("") + " " + events.at(-1).type);
console.log("response " + (await client.responses.create({ model: "m", input: "hi" })).output_text);
for (const way of ["do-429", "do-echo-error", "do-redirect"])
  await client.chat.completions.create({ model: way, messages }).catch((error) =>
    console.log("error " + error.constructor.name + " " + error.status + " " + error.message));
"""
FETCH = """
const base = process.env.OPENAI_BASE_URL, authorization = "Bearer " + process.env.OPENAI_API_KEY;
const headers = { authorization, "content-type": "application/json" };
const body = JSON.stringify({ model: "m", messages: [] });
const answer = await fetch(base + "/chat/completions", { method: "POST", headers, body });
console.log("whole " + (await answer.json()).choices[0].message.content);
"""
# Each package as it is, with the retries that it makes of itself.
ONCE = """
import sys
import anthropic, cohere, groq, openai
from google import genai
from mistralai.client import Mistral
at, ask = sys.argv[1], [{"role": "user", "content": "hi"}]
gemini = genai.Client(api_key="lkr-vk-gemini", http_options={"base_url": f"{at}/gemini"})
calls = {
    "openai": openai.OpenAI(base_url=f"{at}/openai/v1", api_key="lkr-vk-openai").chat.completions.create,
    "anthropic": anthropic.Anthropic(base_url=f"{at}/anthropic", api_key="lkr-vk-anthropic").messages.create,
    "gemini": lambda model, messages: gemini.models.generate_content(model=model, contents="hi"),
    "groq": groq.Groq(base_url=f"{at}/groq", api_key="lkr-vk-groq").chat.completions.create,
    "cohere": cohere.ClientV2(base_url=f"{at}/cohere", api_key="lkr-vk-cohere").chat,
    "mistral": Mistral(server_url=f"{at}/mistral", api_key="lkr-vk-mistral").chat.complete,
}
for vendor, call in calls.items():
    more = {"max_tokens": 9} if vendor == "anthropic" else {}
    try:
        call(model="m", messages=ask, **more)
    except Exception as error:
        print(vendor, str(error).replace(chr(10), " "))
"""
PYTHON = f"{sys.executable} -W ignore"
SCRIPTS = {
    "openai": ("OPENAI_API_KEY", OPENAI),
    "anthropic": ("ANTHROPIC_API_KEY", ANTHROPIC),
    "gemini": ("GEMINI_API_KEY", GEMINI),
    "groq": ("GROQ_API_KEY", GROQ),
    "cohere": ("CO_API_KEY", COHERE),
    "mistral": ("MISTRAL_API_KEY", MISTRAL),
}


@pytest.fixture(scope="module")
def shell(template: Template, standin: Standin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell that did `cd` into a project whose keys come by the broker."""
    with template.copied(tmp_path_factory.mktemp("sdks") / "home") as user:
        keys = {variable: f"{vendor}:sdk" for vendor, (variable, _) in SCRIPTS.items()}
        for key in keys.values():
            user.lkr("set", key, "--stdin", stdin=REAL.encode())
        urls = "".join(f'{vendor} = "{standin.url}"\n' for vendor in SCRIPTS)
        user.config(f'[broker]\nca = "{standin.ca}"\n[broker.upstream]\n{urls}')
        user.project("p", "\n".join(f'{variable} = "{key}"' for variable, key in keys.items()), top='via = "broker"')
        shell = Shell("bash", user.env, user.home)
        shell.child.timeout = 280
        shell.run("cd p")
        yield shell
        shell.close()
        user.lkr("broker", "stop")


def printed(shell: Shell, folder: Path, words: str, script: str = "", name: str = "script.py") -> dict[str, list[str]]:
    """What the command printed that was typed in the shell, with the script behind it; by the first word of a line."""
    out, error = folder / "out", folder / "error"
    if script:
        (folder / name).write_text(script)
        words += f" {folder / name}"
    code = shell.run(f"{words} >{out} 2>{error}; echo code=$?")
    text = out.read_text()
    assert "code=0" in code, text + error.read_text()
    assert REAL not in text + error.read_text()
    lines: dict[str, list[str]] = {}
    for line in text.splitlines():
        first, _, rest = re.sub(r"^(stream|whole)\|", r"\1 ", line).partition(" ")
        lines.setdefault(first, []).append(rest)
    return lines


def check_what_left(standin: Standin) -> None:
    """Each request had the real key, once, and nothing of a virtual one."""
    assert standin.seen and not standin.malformed
    for seen in standin.seen:
        assert len([value for _, value in seen.fields if REAL in value]) == 1
        assert "lkr-vk" not in f"{seen.target} {seen.fields} {seen.body!r}"


@pytest.mark.parametrize("vendor", SCRIPTS)
def test_the_vendors_own_package_works_after_cd(vendor: str, shell: Shell, standin: Standin, tmp_path: Path) -> None:
    standin.seen.clear()
    said = printed(shell, tmp_path, PYTHON, SCRIPTS[vendor][1])
    assert said["stream"][0].strip("|").split("|") == WORDS, "piece by piece"
    assert said["whole"] == [TEXT]
    check_what_left(standin)
    errors = said.get("error", [])
    assert not [error for error in errors if "sk-real" in error]
    if vendor == "openai":
        assert said["responses"] == [f"{TEXT} response.completed"]
        assert said["response"] == [TEXT]
        assert said["embedding"] == ["[0.5, 0.25, -1.0]"]
        assert said["models"] == ["['a-model']"]
    if vendor in ("openai", "anthropic"):
        assert [error.split()[:2] for error in errors] == [
            ["RateLimitError", "429"], ["InternalServerError", "500"], ["AuthenticationError", "401"],
            ["PermissionDeniedError", "403"], ["NotFoundError", "404"],
        ]  # fmt: skip
        assert "*" * len(REAL) in errors[2]
        assert "lkr: the vendor answered 307" in errors[3]
        assert "lkr: the broker does not forward /v1/files of " in errors[4]
    if vendor == "gemini":
        assert [error.split()[1] for error in errors] == ["429", "500", "401", "403", "404"]
        assert "lkr: the vendor answered 307" in errors[3]


def test_anthropics_other_variable_works_too(shell: Shell, standin: Standin, tmp_path: Path) -> None:
    standin.seen.clear()
    words = f"ANTHROPIC_AUTH_TOKEN=$ANTHROPIC_API_KEY env -u ANTHROPIC_API_KEY {PYTHON}"
    said = printed(shell, tmp_path, words, ANTHROPIC)
    assert said["whole"] == [TEXT]
    assert {seen.header("x-api-key") for seen in standin.seen} == {REAL}
    assert {seen.header("authorization") for seen in standin.seen} == {""}


def test_no_package_sends_again_what_a_limit_refused_and_each_says_why(standin: Standin) -> None:
    broker = Broker(str(standin.ca), dict.fromkeys(SCRIPTS, standin.url))
    broker.refuse_limit = Refused(403, "rate", "openai:prod is limited to 2 requests/min")
    try:
        words = [sys.executable, "-W", "ignore", "-c", ONCE, broker.base("")]
        done = subprocess.run(words, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=200)
        said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
        assert set(said) == set(SCRIPTS), done.stdout + done.stderr
        for text in said.values():
            assert "lkr: openai:prod is limited to 2 requests/min" in text
        assert broker.permits == len(SCRIPTS), "one request each"
    finally:
        broker.close()


def test_litellm_reaches_the_vendors_after_cd(shell: Shell, standin: Standin, tmp_path: Path) -> None:
    standin.seen.clear()
    quiet = "LITELLM_LOCAL_MODEL_COST_MAP=True LITELLM_LOG=ERROR"  # without, it asks the network for prices
    said = printed(shell, tmp_path, f"{quiet} {PYTHON}", LITELLM)
    for line in said["stream"]:
        model, pieces, text = line.strip("|").split("|")
        assert (int(pieces), text) == (len(WORDS), TEXT), model
    assert [line.split("|")[1] for line in said["whole"]] == [TEXT] * 6
    assert said["embedding"] == ["[0.5, 0.25, -1.0]"]
    check_what_left(standin)


def test_openais_javascript_package_works_after_cd(shell: Shell, standin: Standin, tmp_path: Path) -> None:
    package = HOME / "openai/node_modules"
    assert package.is_dir(), "openai of npm is not installed: make test"
    (tmp_path / "node_modules").symlink_to(package)
    standin.seen.clear()
    said = printed(shell, tmp_path, f"{NODE}/bin/node", JAVASCRIPT, "script.mjs")
    assert said["stream"][0].strip("|").split("|") == WORDS, "piece by piece"
    assert said["whole"] == said["response"] == [TEXT]
    assert said["responses"] == [f"{TEXT} response.completed"]
    errors = [line.split()[:2] for line in said["error"]]
    assert errors == [["RateLimitError", "429"], ["AuthenticationError", "401"], ["PermissionDeniedError", "403"]]
    check_what_left(standin)


def test_curl_and_nodes_fetch_work_after_cd(shell: Shell, standin: Standin, tmp_path: Path) -> None:
    standin.seen.clear()
    body = '{"model": "m", "stream": true, "messages": []}'
    fields = '-H "Authorization: Bearer $OPENAI_API_KEY" -H "Content-Type: application/json"'
    said = printed(shell, tmp_path, f"curl -sSN \"$OPENAI_BASE_URL/chat/completions\" {fields} -d '{body}'")
    assert "".join(json.loads(line)["choices"][0]["delta"].get("content", "") for line in said["data:"][:-1]) == TEXT
    said = printed(shell, tmp_path, "node", FETCH, "script.mjs")
    assert said["whole"] == [TEXT]
    check_what_left(standin)
