import re
from pathlib import Path

import pytest

from features.errors import UsageError
from serving.settings import Settings, as_environment, check_servable, read

GOOD_KEY = "3u7Yw0Qm9sB2-kXc"


def test_everything_lies_below_home_unless_told_otherwise() -> None:
    settings = read(home="here")
    assert settings.home == Path.cwd() / "here"
    assert settings.store_url == f"sqlite:///{settings.home}/store.db"
    assert settings.tracking_uri == f"sqlite:///{settings.home}/mlflow.db"


def test_a_flag_wins_over_the_environment_and_that_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("dealcast.toml").write_text('port = 1\nhost = "file"\nlanguage = "ru"\n')
    monkeypatch.setenv("DEALCAST_HOST", "environment")
    monkeypatch.setenv("DEALCAST_PORT", "2")
    settings = read(port=3, host=None)
    assert (settings.port, settings.host, settings.language) == (3, "environment", "ru")


def test_other_variables_with_the_prefix_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEALCAST_REAL_DATA", "/somewhere")
    assert read().port == 8000


@pytest.mark.parametrize("text", ["prot = 1\n", 'port = "many"\n', "port = \n"])
def test_a_file_that_cannot_be_used_is_refused_with_its_reason(text: str) -> None:
    Path("dealcast.toml").write_text(text)
    with pytest.raises(UsageError, match=r"settings cannot be used|dealcast.toml cannot be read"):
        read()


def test_an_unknown_setting_is_named() -> None:
    Path("dealcast.toml").write_text("prot = 1\n")
    with pytest.raises(UsageError, match="prot"):
        read()


def test_the_key_shows_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEALCAST_API_KEY", GOOD_KEY)
    monkeypatch.setenv("DEALCAST_PORT", GOOD_KEY)
    with pytest.raises(UsageError) as refused:
        read()
    assert GOOD_KEY not in str(refused.value)
    monkeypatch.delenv("DEALCAST_PORT")
    assert GOOD_KEY not in repr(read())


@pytest.mark.parametrize("key", [None, "", "short", "changeme", "Change-Me-please-now", "dealcast-secret-key"])
def test_a_server_without_a_proper_key_is_refused(key: str | None) -> None:
    with pytest.raises(UsageError, match="DEALCAST_API_KEY"):
        check_servable(read(api_key=key))


def test_a_proper_key_may_listen_anywhere() -> None:
    check_servable(read(api_key=GOOD_KEY, host="0.0.0.0"))


def test_demo_mode_needs_no_key_and_stays_on_this_machine() -> None:
    check_servable(read(demo=True))
    with pytest.raises(UsageError, match="this machine only"):
        check_servable(read(demo=True, host="0.0.0.0"))


def test_a_secret_can_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, text in (("API_KEY", GOOD_KEY), ("STORE_URL", "sqlite:///elsewhere.db")):
        (tmp_path / name).write_text(f"{text}\n")
        monkeypatch.setenv(f"DEALCAST_{name}_FILE", str(tmp_path / name))
    settings = read()
    assert settings.api_key is not None
    assert (settings.api_key.get_secret_value(), settings.store_url) == (GOOD_KEY, "sqlite:///elsewhere.db")


def test_a_secret_in_two_places_or_in_no_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DEALCAST_API_KEY_FILE", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="DEALCAST_API_KEY_FILE cannot be read"):
        read()
    (tmp_path / "none").write_text("another one")
    monkeypatch.setenv("DEALCAST_API_KEY", GOOD_KEY)
    with pytest.raises(UsageError, match="both set") as refused:
        read()
    assert GOOD_KEY not in str(refused.value)


def test_another_process_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = read(home=tmp_path, api_key=GOOD_KEY, grade_limits=(0.7, 0.5, 0.2), goals_file=tmp_path / "goals.toml", demo=True)
    for name, text in as_environment(given).items():
        monkeypatch.setenv(name, text)
    assert read() == given


def test_the_defaults_that_the_documents_name_are_the_defaults() -> None:
    root = Path(__file__).parents[2]
    written = "\n".join(path.read_text(encoding="utf-8") for path in (root / "README.md", *root.glob("docs/*.md")))
    named = re.findall(r"`(?:DEALCAST_)?(\w+)`\s\((\d[\d,.]*\d|\d)\)", written)
    fields = {name: field.default for name, field in Settings.model_fields.items()}
    said = [(name, float(value.replace(",", ""))) for name, value in named if name in fields]
    assert len(said) > 5
    assert [each for each in said if each[1] != fields[each[0]]] == []
