"""The folders worked out by hand are those of platformdirs."""

import platformdirs
import pytest

from lkrshell.state import paths


@pytest.mark.parametrize("value", [None, "", "/somewhere/else", "relative", "  /spaced  "])
def test_our_folders_are_those_of_platformdirs(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    for variable in ("XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"):
        if value is None:
            monkeypatch.delenv(variable, raising=False)
        else:
            monkeypatch.setenv(variable, value)
    assert paths.data_dir() == platformdirs.user_data_dir("lkr")
    assert paths.state_dir() == platformdirs.user_state_dir("lkr")
    assert paths.config_file() == platformdirs.user_config_dir("lkr") + "/config.toml"
