"""What launchd would be told."""

import plistlib

import pytest

from lkrshell.system import launchd


def test_an_agent_of_launchd_holds_its_words_as_they_are_and_dumps_no_memory() -> None:
    words = ["/opt/homebrew/bin/python3", "-I", "a <b> & c", "ü"]
    told = plistlib.loads(launchd.plist("broker", words, {}))
    assert told["ProgramArguments"] == words and told["Label"] == "com.llm-key-ring.broker"
    assert told["HardResourceLimits"] == {"Core": 0}
    assert launchd.path("broker", "/Users/me") == "/Users/me/Library/LaunchAgents/com.llm-key-ring.broker.plist"
    assert launchd.stop("broker", 501)[-1] == "gui/501/com.llm-key-ring.broker"
    assert launchd.start("broker", "/Users/me", 501)[2:] == ["gui/501", launchd.path("broker", "/Users/me")]


def test_launchd_has_no_path_to_look_along() -> None:
    with pytest.raises(ValueError, match="PATH"):
        launchd.plist("broker", ["python3"], {})
