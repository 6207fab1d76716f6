"""The quick parser of the command line says what click says, or leaves it to click."""

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lkrshell.cli import declare, main

SAMPLES = ("openai:prod", "x", "7", "", "-", "--", "-x", "--json", "--no-confirm", "a=b", "allow", "runtime", "bash")


def commands() -> list[declare.Command]:
    found: list[declare.Command] = []
    for name in main.COMMANDS:
        command = main.find(name)
        assert command is not None
        found += command.commands.values() if isinstance(command, declare.Group) else [command]
    return found


def by_click(command: declare.Command, words: list[str]) -> dict[str, object] | None:
    try:
        context = command.click().make_context(command.name, list(words), resilient_parsing=False)
    except (click.ClickException, click.exceptions.Exit):
        return None
    return dict(context.params)


@pytest.mark.parametrize("command", commands(), ids=lambda command: command.name)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_what_is_parsed_quickly_is_what_click_parses(command: declare.Command, data: st.DataObject) -> None:
    flags = [flag for each in command.parameters for flag in each.flags]
    pieces = st.sampled_from([*SAMPLES, *flags, *(f"{flag}=7" for flag in flags)])
    words = data.draw(st.lists(pieces, max_size=5))
    quick = command.parse(words, [])
    if quick is not None:
        assert quick == by_click(command, words)


def test_plain_calls_need_no_click() -> None:
    policy = main.find("policy")
    assert isinstance(policy, declare.Command)
    values = policy.parse(["openai:prod", "--only", "a", "--only=b", "--no-confirm", "--json"], [])
    assert values is not None
    assert (values["name"], values["only"], values["confirm"], values["as_json"]) == (
        "openai:prod",
        ("a", "b"),
        False,
        True,
    )


@pytest.mark.parametrize("words", [["--help"], ["--jsn"], ["openai:prod", "surplus"], ["--agents", "some"], ["--ttl"]])
def test_help_and_slips_are_left_to_click(words: list[str]) -> None:
    policy = main.find("policy")
    assert isinstance(policy, declare.Command)
    assert policy.parse(words, []) is None
