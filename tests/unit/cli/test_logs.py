import json

import structlog

from gateway.cli import logs


def failing():
    password = "hidden" + "-word"
    return 1 / (len(password) - len(password))


def told(capsys, *, json_lines):
    logs.configure(json_lines=json_lines)
    try:
        failing()
    except ZeroDivisionError:
        structlog.get_logger("gateway").exception("a lane failed", lane="one")
    return capsys.readouterr().err


def test_a_fault_is_logged_with_its_trace_on_one_line(capsys):
    (line,) = told(capsys, json_lines=True).splitlines()
    said = json.loads(line)
    assert (said["event"], said["lane"], said["level"]) == ("a lane failed", "one", "error")
    assert said["exception"].startswith("Traceback (most recent call last):")
    assert "in failing" in said["exception"]
    assert said["exception"].endswith("ZeroDivisionError: division by zero")
    assert "exc_info" not in said


def test_a_trace_never_shows_what_variables_hold(capsys):
    for json_lines in (True, False):
        text = told(capsys, json_lines=json_lines)
        assert "in failing" in text
        assert "hidden-word" not in text
