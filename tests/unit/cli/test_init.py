import json

from gateway.settings.template import starter


def test_the_starter_works_as_it_stands(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = call("init", "acme")
    assert result.exit_code == 0
    monkeypatch.chdir(tmp_path / "acme")
    assert call("doctor").exit_code == 0
    assert call("check", "stock_example.csv").exit_code == 0
    assert call("run", "--once").exit_code == 0


def test_nothing_is_overwritten(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "gateway.toml").write_text("mine")
    told = json.loads(call("init", ".", "--json").stdout)
    assert told["kept"] == ["gateway.toml"]
    assert set(told["written"]) == set(starter()) - {"gateway.toml"}
    assert (tmp_path / "gateway.toml").read_text() == "mine"
    assert json.loads(call("init", ".", "--json").stdout)["written"] == []


def test_a_place_that_can_t_be_written_to(call, tmp_path):
    (tmp_path / "file").write_text("")
    result = call("init", str(tmp_path / "file" / "below"))
    assert result.exit_code == 3
    assert "Traceback" not in result.output
