"""The section `deliver`: what can be said in it, what is built of it, and the mistakes."""

import asyncio
import json
from pathlib import Path

import pytest

from touchline.agents import deliver
from touchline.agents.runtime.metrics import Metrics
from touchline.agents.settings import Settings, load_settings
from touchline.agents.targetnews import TargetNews
from touchline.pipeline.outreach.adapter import SendResult, SendStatus
from touchline.pipeline.outreach.targets import Circuit, Limits
from touchline.schemas.vocabulary import Channel
from touchline.schemas.yamlfile import FileError

VARIABLES = {
    "TOKEN": "t0ken-secret",
    "SLACK": "https://hooks.slack.example/T0/B0/s1ack-secret",
    "SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "CR": "a\r\nb",
}

EVERYTHING = """
outreach: {mode: live}
deliver:
  smtp: {host: mail.example.com, sender: Care <care@example.com>, rate: 20, in_flight: 4}
  adapters:
    crm: {kind: webhook, url: "https://crm.example.com/hook", secret: "${SECRET}"}
    texts:
      kind: http
      url: https://api.example.com/v1/messages
      headers: {authorization: "Bearer ${TOKEN}"}
      json: {to: "{to}", body: "{text}", reference: "{id}"}
      idempotency_header: Idempotency-Key
      sent: [2xx]
      retry: [420, 5xx]
      bounced: [410]
      bounced_words: ['"code": 21211']
      failures: 3
      rest: 10s
    team: {kind: slack, url: "${SLACK}"}
    house: {kind: teams, url: "https://teams.example.com/hook"}
    file: {kind: console, to: messages.ndjson}
    other: {kind: apprise, url: "json://localhost/{to}"}
  channels: {sms: texts, push: crm, chat: other}
  care: crm
"""


def load(text: str, folder: Path) -> Settings:
    path = folder / "touchline.yaml"
    path.write_text(text)
    return load_settings(path, VARIABLES)


def test_each_adapter_is_built_under_its_name(tmp_path: Path) -> None:
    settings = load(EVERYTHING, tmp_path)
    named = deliver.named_adapters(settings.deliver)
    assert set(named) == {"smtp", "crm", "texts", "team", "house", "file", "other"}
    assert {name: adapter.name for name, adapter in named.items()} == {name: name for name in named}
    assert {name for name, adapter in named.items() if adapter.idempotent} == {"crm", "texts", "file"}
    assert {channel: a.name for channel, a in deliver.plan_of(settings).adapters.items()} == {
        Channel.EMAIL: "smtp",
        Channel.SMS: "texts",
        Channel.PUSH: "crm",
        Channel.CHAT: "other",
    }
    processor = deliver.build(settings)
    assert processor.inputs == ("outreach.decisions", "outreach.notices", "customers.context")
    assert processor.targets["texts"].limits == Limits(failures=3, rest=10_000)
    assert processor.targets["smtp"].limits == Limits(rate=20, in_flight=4)
    assert processor.targets["crm"].limits == Limits(in_flight=64)


def test_in_observe_mode_there_is_nothing_to_call(tmp_path: Path) -> None:
    settings = load(EVERYTHING.replace("mode: live", "mode: observe"), tmp_path)
    processor = deliver.build(settings)
    assert processor._adapters == {}


def test_secrets_are_in_no_dump(tmp_path: Path) -> None:
    settings = load(EVERYTHING, tmp_path)
    assert "secret" not in settings.deliver.model_dump_json().replace('"secret":', "").replace("whsec", "")
    assert "t0ken" not in repr(settings)
    assert json.loads(settings.deliver.model_dump_json())["adapters"]["texts"]["json"]["to"] == "{to}"


def test_the_channels_that_are_named_count_before_the_short_form(tmp_path: Path) -> None:
    settings = load(
        """
deliver:
  webhook: {url: "https://a.example", secret: "${SECRET}"}
  adapters: {file: {kind: console, to: stdout}}
  channels: {sms: file}
""",
        tmp_path,
    )
    assert settings.deliver.by_channel == {
        Channel.SMS: "file", Channel.PUSH: "webhook", Channel.CHAT: "webhook", Channel.APP: "webhook",
    }  # fmt: skip


HTTP = "kind: http, url: 'https://a.example'"


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("{channels: {sms: texts}}", 'channels.sms: there is no adapter "texts" under adapters; there are: none'),
        ("{care: crm, smtp: {host: m, sender: a@b.c}}", 'care: there is no adapter "crm" under adapters; there are: s'),
        (
            "{care: smtp, smtp: {host: m, sender: a@b.c}}",
            'care: the adapter "smtp" is of kind smtp; it takes a webhook',
        ),
        ("{channels: {sms: smtp}, smtp: {host: m, sender: a@b.c}}", "of kind smtp, which carries e-mail alone"),
        ("{adapters: {outbox: {kind: console, to: x}}}", "an adapter can't have the name outbox"),
        (
            "{smtp: {host: m, sender: a@b.c}, adapters: {smtp: {kind: console, to: x}}}",
            "smtp is there twice: as a short form and under adapters",
        ),
        ("{adapters: {a: {kind: pigeon}}}", "deliver.adapters.a"),
        (f"{{adapters: {{a: {{{HTTP}}}}}}}", "one of json and form says what the body is"),
        (f"{{adapters: {{a: {{{HTTP}, json: {{x: '{{to}}'}}}}}}}}", "the body has no place for {text}"),
        (f"{{adapters: {{a: {{{HTTP}, form: {{x: '{{name}}'}}}}}}}}", '"{name}" is no place for a part of a message'),
        (
            f"{{adapters: {{a: {{{HTTP}, idempotent: true, form: {{x: '{{to}}{{text}}'}}}}}}}}",
            "the body has no {id} by which the provider could tell a repeat",
        ),
        (f"{{adapters: {{a: {{{HTTP}, json: '{{to}}{{text}}', sent: [20x]}}}}}}", '"20x" is no status code'),
        (f"{{adapters: {{a: {{{HTTP}, json: '{{to}}{{text}}', headers: {{a b: x}}}}}}}}", '"a b" or its value'),
        (f"{{adapters: {{a: {{{HTTP}, json: '{{to}}{{text}}', headers: {{a: '${{CR}}'}}}}}}}}", '"a" or its value'),
        ("{adapters: {a: {kind: slack, url: '${TOKEN}'}}}", "a URL to post to begins with https://"),
        ("{adapters: {a: {kind: console, to: x, rate: -1}}}", "deliver.adapters.a"),
    ],
)
def test_a_mistake_says_what_and_where_and_repeats_no_secret(tmp_path: Path, text: str, mistake: str) -> None:
    with pytest.raises(FileError) as error:
        load(f"deliver: {text}", tmp_path)
    assert mistake in str(error.value)
    assert "t0ken" not in str(error.value)


def test_metrics_and_log_tell_how_a_target_stands(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = load(EVERYTHING, tmp_path)
    processor, metrics = deliver.build(settings), Metrics("deliver")

    def state(name: str) -> set[str]:
        return {
            circuit
            for circuit in Circuit
            if metrics.registry.get_sample_value(
                "touchline_target_state", {"agent": "deliver", "target": name, "state": circuit}
            )
        }

    async def main() -> None:
        beside = TargetNews(processor, metrics)
        for _ in range(2):  # it is entered again when the broker was away
            async with beside:
                assert state("smtp") == {"closed"}
        async with beside:
            for _ in range(3):
                processor.targets["texts"].ended(SendResult(SendStatus.UNKNOWN, "no answer"), 0)
            assert (state("texts"), state("smtp")) == ({"open"}, {"closed"})

    asyncio.run(main())
    assert "adapter texts: its breaker is open: 3 tries in a row failed: no answer" in caplog.text
