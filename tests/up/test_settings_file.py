"""The file that `touchline up` writes for other commands: what is looked at is as it would be sent, nothing secret is
in it, and nobody sends or serves by it."""

from pathlib import Path

import pytest

from touchline.agents import outreach
from touchline.agents.api.run import Api
from touchline.agents.runtime.errors import WorkerError
from touchline.agents.runtime.metrics import Metrics
from touchline.agents.settings import Settings, load_settings
from touchline.agents.texts import messages_of
from touchline.up.environment import _addresses

SECRET = "a-secret-of-links-0123456789-abcdefgh"
FORMER = "the-former-secret-of-links-0123456789"
TEXT = """\
schema: texts/1
texts:
  mine:
    en: {subject: Hello, text: "Good day. No more of these: {{ links.unsubscribe }}"}
"""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    (tmp_path / "texts.yaml").write_text(TEXT, "utf-8")
    links = {"base": "https://links.example.com", "secret": SECRET, "older": [FORMER], "opens": True}
    tree = {"outreach": {"texts": [str(tmp_path / "texts.yaml")], "links": links, "policies_from": "topic"}}
    file = tmp_path / "touchline.yaml"
    file.write_text(_addresses(Settings.model_validate(tree)), "utf-8")
    return file


def test_texts_with_links_can_be_looked_at_and_nothing_secret_is_written(written: Path) -> None:
    text = written.read_text("utf-8")
    assert (SECRET in text, FORMER in text) == (False, False)
    found = load_settings(written, {})
    assert found.outreach.links is not None
    assert (found.outreach.links.base, found.outreach.links.opens) == ("https://links.example.com", True)
    assert "mine" in messages_of(found.outreach).names


def test_no_customer_gets_such_links_and_no_server_takes_them(written: Path) -> None:
    found = load_settings(written, {"TOUCHLINE_API__KEYS__DESK": "desk-0123456789abcdefghij"})
    with pytest.raises(WorkerError, match=r"the secret of outreach\.links is that of previews"):
        outreach.companion(found, outreach.build(found), Metrics("outreach"), lambda _: None)
    api = Api(found)
    assert (api.follower is not None, api.returns) == (True, None)
    assert [str(route) for route in api._app().router.resources() if "/l/" in str(route)] == []
    assert load_settings(written, {}).serves is False
