"""The bench measures every line at a thousandth of the size, and its page names every line and every option."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = (
    r"gateway --help",
    r"imports and start-up of a run",
    r"check",
    r"whole way, one import per portion",
    r"whole way, 500 records per call",
    r"the same rows again, delta on",
    r"whole way, every row bad",
    r"peak memory, CSV [\d,]+ rows, whole way",
    r"peak memory, XML [\d,]+ elements, whole way",
    r"memory of 10 times the rows, check",
    r"memory of 10 times the rows, whole way",
    r"XLSX [\d,]+ x 20, reading",
    r"XML [\d,]+ elements, check",
    r"check of [\d,]+ articles x 24",
    r"the same [\d,]+ articles, whole way",
    r"check of [\d,]+ promotions x 13",
    r"the same [\d,]+ promotions, whole way",
    r"XML [\d,]+ articles x 24, check",
    r"XLSX [\d,]+ articles x 24, reading",
    r"SFTP download of \d+ MB, share of rate",
    r"the same, extra memory",
)


def _bench(*args):
    command = [sys.executable, "-m", "bench", *args]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_every_line_is_measured(tmp_path):
    shown = _bench("--scale", "0.001", "--rounds", "1", "--data", str(tmp_path))
    rows = [[cell.strip() for cell in line.split("│")] for line in shown.splitlines() if "│" in line]
    assert len(rows) == len(LINES)
    for (name, target, measured, *_, verdict), expected in zip(rows, LINES, strict=True):
        assert re.fullmatch(expected, name)
        assert target.startswith((">=", "<=")), name
        if verdict == "skipped":
            assert "SFTP" in name or "extra memory" in name, "only what needs sshd may be skipped"
        else:
            assert verdict in {"ok", "miss"}, name
            assert re.match(r"\d+(\.\d+)?( x| MB| s)?$", measured), name


def test_a_miss_fails_only_when_asked(tmp_path):
    tiny = ["--only", "formats", "--scale", "0.001", "--rounds", "1", "--data", str(tmp_path)]
    assert "miss" in _bench(*tiny), "so few rows cost more than the targets allow"
    command = [sys.executable, "-m", "bench", *tiny, "--fail"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr


def test_the_page_names_lines_and_options():
    page = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    told = [row.split("|")[1].strip(" `") for row in page.splitlines() if row.startswith("| ")]
    for expected in LINES:
        assert any(re.fullmatch(expected, name) for name in told), expected
    options = set(re.findall(r"--[a-z]+", _bench("--help"))) - {"--help", "--no"}
    assert options <= set(re.findall(r"`(--[a-z]+)", page))
