import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from gateway import __version__
from gateway.cli import group, main
from gateway.cli.group import COMMANDS
from gateway.cli.session import Exit, exit_of
from gateway.errors import (
    Busy,
    FileError,
    HostKeyError,
    OutcomeUnknown,
    Refused,
    SettingsError,
    Unreachable,
    WillNeverWork,
)

_HEAVY = ("polars", "httpx", "paramiko", "sqlalchemy", "pydantic", "rich", "structlog", "lxml", "numpy")


def test_help_loads_nothing_heavy():
    code = (
        "import sys\nfrom gateway.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        f"print([name for name in {_HEAVY!r} if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"
    assert all(f"  {name} " in ended.stdout for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_its_listed_line_an_example_and_the_shared_options(name):
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert (command.help or "").splitlines()[0] == COMMANDS[name][1]
    assert f"Example: gateway {name}" in (command.help or "")
    options = {option for parameter in command.params for option in parameter.opts}
    assert {"--config", "--json"} <= options


def test_commands_are_those_announced():
    assert set(COMMANDS) == {
        "run", "check", "plan", "status", "show", "retry", "release", "cancel", "pause", "resume", "doctor", "schema",
        "twin", "demo", "init", "pull", "push", "reconcile",
    }  # fmt: skip


def test_version(call):
    assert __version__ in call("--version").stdout


def test_an_unknown_command_names_the_nearest(call):
    result = call("statsu")
    assert result.exit_code == Exit.SETTINGS
    assert "did you mean 'status'?" in result.stderr


@pytest.mark.parametrize("args", [["check"], ["status", "--lst"], ["check", "nowhere.csv"], ["twin", "shopify"]])
def test_wrong_usage_is_no_other_code(call, args):
    result = call(*args)
    assert result.exit_code == Exit.SETTINGS
    assert "Usage:" in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        ["check", "a\0b"], ["--config", "a\0b", "status"], ["init", "a\0b"], ["twin", "mirakl", "--dir", "a\0b"],
        ["reconcile", "--out", "a\0b"], ["show", "a\0b"], ["a\0b"],
    ],
)  # fmt: skip
def test_an_argument_with_a_nul_character_is_wrong_usage(call, args):
    result = call(*args)
    assert result.exit_code == Exit.SETTINGS
    place = args.index("a\0b") + 1
    assert f"Argument {place}, 'a\\x00b', has a NUL character at place 2; write it without." in result.stderr


def test_a_fault_of_ours_is_one_line_and_a_way_to_the_trace(call, monkeypatch):
    def broken(*_args):
        raise RuntimeError("first\nsecond")

    monkeypatch.setattr(group.importlib, "import_module", broken)
    result = call("status")
    assert result.exit_code == Exit.FAULT
    assert "RuntimeError: first second" in result.stderr
    assert "GATEWAY_DEBUG=1" in result.stderr
    assert "Traceback" not in result.stderr
    monkeypatch.setenv("GATEWAY_DEBUG", "1")
    assert "Traceback" in call("status").stderr


def test_called_as_a_function_errors_stay_errors():
    with pytest.raises(click.UsageError):
        main(["nonsense"], standalone_mode=False)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FileError("FILE_EMPTY", "x"), Exit.FILE),
        (SettingsError("x"), Exit.SETTINGS),
        (WillNeverWork("x"), Exit.SETTINGS),
        (Unreachable("x"), Exit.UNREACHABLE),
        (Busy("x"), Exit.UNREACHABLE),
        (HostKeyError("x"), Exit.UNREACHABLE),
        (Refused("x"), Exit.UNREACHABLE),
        (OutcomeUnknown("x"), Exit.OPEN),
    ],
)
def test_exit_codes_of_errors(error, code):
    assert exit_of(error) is code


def test_options_may_stand_on_either_side_and_the_environment_speaks_last(call, place, monkeypatch):
    other = place / "other.toml"
    other.write_text("version = 2\n")
    for args in (["--config", "other.toml", "status"], ["status", "--config", "other.toml"]):
        assert f"{other}:1" in call(*args).stderr
    monkeypatch.setenv("GATEWAY_CONFIG", "other.toml")
    assert f"{other}:1" in call("status").stderr
    assert call("--config", "gateway.toml", "status").exit_code == 0
    assert call("status", "--config", "gateway.toml").exit_code == 0


def test_python_m_gateway():
    ended = subprocess.run([sys.executable, "-m", "gateway", "--version"], capture_output=True, text=True, check=True)
    assert ended.stdout == CliRunner().invoke(main, ["--version"]).stdout
