"""Keeps one case in a CRM for each signal: opened, brought up to date and closed with it.

The case has the signal's id and the revision that it was made from; the CRM takes a PUT only when its revision is
higher, and answers 409 otherwise. So repeats, and two programs at once, do no harm.

    CRM_URL=https://crm.example.com/cases CRM_TOKEN=… python crm_case.py
"""

import json
import os
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from touchline.client import Retry, SignalConsumer, SignalFilter
from touchline.schemas.signal import Signal

KNOWN = 409
"""What the CRM answers when it has this revision or a later one."""


def bring_up_to_date(signal: Signal) -> None:
    """Writes the case of a signal as it stands now."""
    case = {
        "revision": signal.revision,
        "state": "open" if signal.is_open else "closed",
        "why": signal.status.value,
        "queue": signal.owner,
        "customer": signal.customer,
        "about": signal.group,
        "priority": signal.severity.value,
        "title": signal.evidence,
        "next_step": signal.action,
        "touchpoints": list(signal.events),
    }
    headers = {"content-type": "application/json", "authorization": f"Bearer {os.environ['CRM_TOKEN']}"}
    url = f"{os.environ['CRM_URL']}/{signal.signal_id}"
    try:
        urlopen(Request(url, json.dumps(case).encode(), headers, method="PUT"), timeout=10).close()
    except HTTPError as error:
        if error.code != KNOWN:
            raise


service = SignalFilter(owner=("customer_service", "service"))
with SignalConsumer("127.0.0.1:9092", "crm", only=service) as signals:
    # The CRM must have them all. When it is away for a quarter of an hour the program ends with the error, and goes on
    # with this very signal when it is started again.
    signals.run(bring_up_to_date, retry=Retry(times=40))
