"""`touchline messages`: what is wrong with texts, and what becomes of them."""

import json
import re
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from tests.outreach.cases import profile, signal
from touchline.cli import main
from touchline.pipeline.outreach.links import PATH, LinkError, Links
from touchline.schemas.codec import encode

SECRET = "0123456789abcdef0123456789abcdef"
SETTINGS = f"outreach: {{texts: [texts], links: {{base: 'https://links.example.com', secret: {SECRET}}}}}\n"
TEXT = """schema: texts/1
texts:
  mine:
    en:
      subject: About {{ about }}
      text: "{{ values.c.wait_seconds | number }} s, {{ customer.value | default: 0 | number }}, {{ locale }}"
      sms: "{{ signal.at | time }} {{ about }}"
    de:
      subject: Es geht um {{ about }}
      html: "<p>Hallo <b>{{ about }}</b> <a href='{{ 'https://shop.example/a' | track }}'>hier</a></p>"
"""


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a text and settings."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "touchline.yaml").write_text(SETTINGS)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "mine.yaml").write_text(TEXT)
    return tmp_path


def run(*arguments: str) -> Result:
    result = CliRunner().invoke(main, ["messages", *arguments])
    assert "Traceback" not in result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result


def written(name: str, value: object) -> str:
    Path(name).write_bytes(msgspec.json.encode(value) if not isinstance(value, bytes) else value)
    return name


class TestCheck:
    def test_what_is_right(self) -> None:
        result = run("check")
        assert result.exit_code == 0, result.output
        assert re.search(r"^mine +en +text +1 of 3 parts$", result.output, re.M) is None, (
            "what is known is told as a span"
        )
        assert re.search(r"^mine +en +text +1 to 2 of 3 parts$", result.output, re.M)
        assert re.search(r"^mine +de +own html", result.output, re.M)
        assert "0 errors, 0 warnings" in result.stderr

    def test_what_is_wrong(self, shop: Path) -> None:
        (shop / "texts" / "b.yaml").write_text(TEXT.replace("about }}", "abuot }}").replace("mine:", "long_wait:"))
        (shop / "texts" / "c.yaml").write_text(
            "schema: texts/1\ntexts: {long_wait: {en: {subject: s, text: '{{ values.x }}'}}}"
        )
        result = run("check")
        assert result.exit_code == 1
        places = [line.split(" error: ")[0] for line in result.stdout.splitlines() if " error: " in line]
        assert places == [f"texts/b.yaml:{place}:" for place in ("5:25", "7:39", "9:30", "10:29")] + [
            "texts/c.yaml:2:9:",  # a name that stands in b.yaml, whatever else is wrong there
            "texts/c.yaml:2:48:",
        ]
        assert "5 errors" not in result.stderr
        assert "6 errors, 0 warnings" in result.stderr

    def test_warnings_and_json(self, shop: Path) -> None:
        (shop / "touchline.yaml").write_text(SETTINGS.replace("{texts", "{locale: fr, texts"))
        assert run("check").exit_code == 0
        result = run("check", "--strict", "--json")
        assert result.exit_code == 1
        found = json.loads(result.stdout)
        assert (found["errors"], found["warnings"]) == (0, 1)
        assert found["findings"][0]["severity"] == "warning"
        assert found["findings"][0]["code"] == "no_default"
        assert "no version in fr" in found["findings"][0]["message"]
        assert [row["locale"] for row in found["texts"]] == ["en", "de"]

    def test_without_own_texts_the_built_in_ones_are_looked_at(self, shop: Path) -> None:
        (shop / "touchline.yaml").unlink()
        result = run("check")
        assert result.exit_code == 0, result.output
        assert re.search(r"^complaint_unanswered +de ", result.output, re.M)

    def test_a_path_that_is_not_there(self) -> None:
        result = run("check", "gone")
        assert result.exit_code == 2
        assert "no such file or folder of texts" in result.output


class TestPreview:
    def test_of_the_signal_of_a_test_of_its_rule(self) -> None:
        result = run("preview", "mine", "--rule", "long_wait")
        assert result.exit_code == 0, result.output
        assert "email to customer@example.com: About your recent contact with us" in result.output
        assert "mine/en/email, with html" in result.output
        assert "one click ends such messages" in " ".join(result.output.replace("│", "").split())

    def test_of_the_text_of_a_rule(self) -> None:
        for arguments in (["long_wait"], ["--rule", "long_wait"]):
            assert "Sorry for the wait" in run("preview", *arguments).output

    def test_of_a_real_signal_and_customer(self) -> None:
        it = signal(group="order:7", values={"c.wait_seconds": 1200}, customer="c-9")
        line = {"topic": "friction.signals", "partition": 0, "value": msgspec.Raw(encode(it))}
        for value in (encode(it), line):
            who = written("profile.json", encode(profile(value=9.5, customer="c-9")))
            arguments = ("--signal", written("signal.json", value), "--profile", who, "--locale", "en-GB")
            result = run("preview", "mine", *arguments, "--json")
            assert result.exit_code == 0, result.output
            found = json.loads(result.stdout)
            assert found["message"]["text"].startswith("1,200 s, 9.5, en\n")
            assert found["problem"] is None
            assert found["sms"] is None

    def test_of_a_text_message(self) -> None:
        it = written("signal.json", encode(signal(group="order:7")))
        result = run("preview", "mine", "--signal", it, "--channel", "sms", "--zone", "Asia/Tokyo", "--json")
        found = json.loads(result.stdout)
        assert found["message"]["text"] == "9:00 PM your order 7"
        assert found["sms"] == {"encoding": "GSM-7", "units": 20, "segments": 1}
        assert found["message"]["html"] is None

    def test_its_html_is_written_and_its_links_lead_nowhere(self) -> None:
        result = run("preview", "mine", "--rule", "long_wait", "--locale", "de", "--html", "mail.html")
        assert result.exit_code == 0, result.output
        html = Path("mail.html").read_text()
        assert "<b>Ihre letzte Anfrage bei uns</b>" in html
        found = re.findall(r'(?:href|src)=["\']([^"\']+)', html)
        assert len(found) == 2
        links = Links("https://links.example.com", SECRET.encode())
        for link in found:
            assert link.startswith("https://links.example.com" + PATH)
            assert link in result.output
            with pytest.raises(LinkError):
                links.read(link.rpartition(PATH)[2])

    def test_what_cannot_be_made_is_told(self) -> None:
        result = run("preview", "mine", "--signal", written("signal.json", encode(signal())))
        assert result.exit_code == 1
        assert "default/en/email" in result.output
        assert "values.c is undefined" in result.stderr

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["long_wiat"], 'there is no text "long_wiat", did you mean "long_wait"?'),
            (["mine"], '"mine" is no rule: name the rule of a signal'),
            (["mine", "--rule", "long_wiat"], 'there is no rule "long_wiat", did you mean "long_wait"?'),
            ([], "name a text, or --rule RULE, or --signal FILE"),
            (["mine", "--signal", "gone.json"], "gone.json"),
            (["mine", "--signal", "texts/mine.yaml"], "texts/mine.yaml is no JSON"),
            (["mine", "--signal", "half.json"], "half.json is no signal"),
            (["long_wait", "--signal", "it.json", "--profile", "half.json"], "half.json is no profile"),
            (["mine", "--signal", "it.json", "--channel", "sms", "--html", "x.html"], "--html is for --channel email"),
            (["mine", "--signal", "it.json", "--html", "gone/x.html"], "can't be written"),
            (["long_wait", "--channel", "fax"], "'fax' is not one of"),
        ],
    )
    def test_a_mistake_of_the_user(self, arguments: list[str], message: str) -> None:
        Path("half.json").write_text('{"signal_id": "s"}')
        written("it.json", encode(signal()))
        result = run("preview", *arguments)
        assert result.exit_code == 2
        assert message in result.output

    def test_a_mistake_in_a_text_is_told_with_its_place(self, shop: Path) -> None:
        (shop / "texts" / "mine.yaml").write_text(TEXT.replace("about }}", "abuot }}", 1))
        result = run("preview", "long_wait")
        assert result.exit_code == 2
        assert "texts/mine.yaml:5:25: texts.mine.en.subject: there is no abuot" in result.output


def test_try_shows_the_message_that_would_be_sent(shop: Path) -> None:
    (shop / "texts" / "mine.yaml").write_text(
        TEXT.replace("mine:", "ticket_reopened:").replace("values.c.wait_seconds", "values.count")
    )
    event = {"kind": "ticket.reopened", "customer_id": "c-1", "subjects": ["ticket:7"]}
    event["occurred_at"] = "2026-03-02T12:00:00Z"
    who = {"event_id": "1", "source": "crm", "occurred_at": "2026-03-02T09:00:00Z", "kind": "profile.updated"}
    for attributes, facts in (
        ({}, "ticket_reopened/en/email, with html"),
        ({"preferred_channel": "sms"}, "1 part: 22 units of GSM-7"),
    ):
        customer = {"customer_id": "c-1", "identifiers": {"email": "c@example.com", "phone": "+4915112345678"}}
        written("history.ndjson", {**who, **customer, "attributes": attributes})
        result = CliRunner().invoke(main, ["try", json.dumps(event), "--history", "history.ndjson"])
        assert result.exit_code == 0, result.output
        assert facts in " ".join(result.output.split()), result.output
