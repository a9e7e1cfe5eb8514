"""What it costs to make a message: from a built-in text, with links, and from one that uses dates and conditions.

python -m benchmarks.messages
"""

import argparse
import json
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.decide import NOON, microseconds, profile, signal
from touchline.pipeline.outreach.ids import decision_id
from touchline.pipeline.outreach.links import Links
from touchline.pipeline.outreach.messages import Messages, Speaking, built_in_messages, load_messages
from touchline.pipeline.outreach.plan import Plan
from touchline.schemas.vocabulary import Channel

RICH = """schema: texts/1
texts:
  rich:
    en:
      subject: "{{ about | upcase_first }} is late"
      text: |
        Hello,

        {{ about }} was due on **{{ signal.at | date: 'EEEE, d MMMM' }}**.
        {% if party != 'own' %}{{ party }} has it.{% endif %}

        - [see where it is]({{ "https://shop.example.com/orders/1" | track }})
        - or reply to this message
"""


def main() -> None:
    """Measures and prints; `--json` for a program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    linked = Speaking(links=Links("https://links.example.com", b"k" * 32), opens=True)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rich.yaml"
        path.write_text(RICH)
        rich = load_messages([path], linked)
    it, person, decision = signal(1, "c-1", NOON), profile("c-1"), decision_id("s-1")
    cases: dict[str, tuple[Messages, Channel, Plan]] = {
        "email": (built_in_messages(), Channel.EMAIL, Plan()),
        "sms": (built_in_messages(), Channel.SMS, Plan()),
        "push": (built_in_messages(), Channel.PUSH, Plan()),
        "email_with_links": (load_messages((), linked), Channel.EMAIL, Plan()),
        "email_with_dates_and_conditions": (rich, Channel.EMAIL, Plan(template="rich")),
    }
    found = {}
    for name, (messages, channel, plan) in cases.items():
        made = partial(messages.render, it, person, channel, plan, decision, "x")
        found[f"{name}_us"] = round(microseconds(made, 10), 1)
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:36} {value:>10,}")


if __name__ == "__main__":
    main()
