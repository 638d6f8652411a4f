"""The commands of docs/records.md do what it says."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from features.dataset import Dataset
from serving.api import create_app
from serving.settings import Settings
from tests.conftest import ROOT
from tests.serving.stored import runtime_over, store_of

TEXT = (ROOT / "docs" / "records.md").read_text(encoding="utf-8")
COMMANDS = [
    line for block in re.findall(r"```bash\n(.*?)```", TEXT, re.DOTALL) for line in block.replace("\\\n", "").splitlines()
]


@pytest.fixture
def client(company: Dataset, trained_home: Path, tmp_path: Path) -> Iterator[TestClient]:
    store = store_of(company, f"sqlite:///{tmp_path / 'store.db'}")
    settings = Settings(home=tmp_path, store_url=f"sqlite:///{tmp_path / 'store.db'}", demo=True)
    app = create_app(runtime_over(store, trained_home), settings, watching=False)
    with TestClient(app, base_url="http://127.0.0.1") as opened:
        yield opened
    store.close()


def sent(client: TestClient, command: str) -> dict[str, int]:
    """What curl would get."""
    method, url, headers, body = "GET", "", {}, None
    words = iter(shlex.split(command)[1:])
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, value = next(words).split(": ", 1)
            headers[name] = value
        elif word == "-d":
            body = next(words)
        else:
            url = urlsplit(word).path
    answer = client.request(method, url, content=body, headers=headers)
    assert answer.status_code == 200, (command, answer.text)
    found: dict[str, int] = answer.json()
    return found


def test_every_command_is_answered_as_told(client: TestClient) -> None:
    new, changed, call, old, *gone = [sent(client, command) for command in COMMANDS]
    assert (new["inserted"], changed["changed"], changed["changes"], call["inserted"]) == (1, 1, 1, 1)
    assert (old["inserted"], old["late"], old["history"]) == (1, 0, True)
    assert [each["deleted"] for each in gone] == [1, 1, 1]
