"""What came of an event, for people."""

from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from touchline.pipeline.outreach.sms import sms_length
from touchline.schemas.outreach import Decision, Message
from touchline.schemas.signal import Signal
from touchline.schemas.touchpoint import EnrichedTouchpoint
from touchline.schemas.vocabulary import Channel, Reason
from touchline.trial.outcome import Outcome


def show(outcome: Outcome, console: Console) -> None:
    """Prints it."""
    for what, text in lines(outcome):
        seconds = outcome.seconds.get(what)
        after = Text(f"  {seconds:.2f} s", "dim") if seconds is not None else Text()
        console.print(Text.assemble((f"{what:<10}", "bold"), " ", text, after), soft_wrap=True)
    for decision in outcome.decisions:
        if decision.message is not None and decision.channel is not None:
            show_message(decision.channel, decision.message, console)


def show_message(channel: Channel, message: Message, console: Console) -> None:
    """Prints a message as its reader would see it, and what it is made of."""
    title = Text(f"{channel} to {message.to}: {message.subject}")
    console.print(Panel(Text(message.text.strip()), title=title, title_align="left", border_style="dim"))
    console.print(Text.assemble(("message   ", "bold"), " ", message_facts(channel, message)), soft_wrap=True)


def message_facts(channel: Channel, message: Message) -> str:
    """Which text it was made of, and what else there is: html, a link that ends such messages, parts."""
    facts = [message.source]
    if message.html is not None:
        facts.append(f"with html ({len(message.html):,} characters)")
    if message.unsubscribe is not None:
        facts.append("one click ends such messages")
    if channel is Channel.SMS:
        length = sms_length(message.text)
        parts = "1 part" if length.segments == 1 else f"{length.segments} parts"
        facts.append(f"{parts}: {length.units} units of {length.encoding}")
    return ", ".join(fact for fact in facts if fact)


def lines(outcome: Outcome) -> list[tuple[str, Text]]:
    """A line for each thing that came of it, by what it is."""
    if outcome.refusal is not None:
        refusal = outcome.refusal
        where = f"{refusal.field}: " if refusal.field else ""
        return [("refusal", Text.assemble((f"{refusal.code}  ", "red"), f"{where}{refusal.message}"))]
    if outcome.touchpoint is None:
        return [("duplicate", Text("its source and event_id were seen before, so nothing comes of it"))]
    found = [("touchpoint", _touchpoint(outcome.touchpoint))]
    found += [("signal", _signal(signal)) for signal in outcome.signals]
    found += [("decision", _decision(decision)) for decision in outcome.decisions]
    for delivery in outcome.deliveries:
        text = f"{delivery.status} ({delivery.adapter}, by {delivery.channel})"
        found.append(("delivery", Text(f"{text}: {delivery.error}" if delivery.error else text)))
    if not outcome.signals:
        found.append(("signal", Text("none: no rule fires with what is known of this customer", "dim")))
    return found


def _touchpoint(it: EnrichedTouchpoint) -> Text:
    text = Text.assemble((it.kind, "bold"), f" of {it.customer} by {it.channel}, stage {it.stage}, ")
    text.append(f"party {it.party}, actor {it.actor}")
    return text.append(f", sentiment {it.sentiment:+.2f}" if it.sentiment is not None else "")


def _signal(it: Signal) -> Text:
    text = Text.assemble((f"{it.rule} {it.status}", "bold yellow" if it.is_open else "dim"))
    return text.append(f" ({it.severity}, {it.owner}, {it.control}): {it.evidence}")


def _decision(it: Decision) -> Text:
    text = Text.assemble((f"{it.outcome}", "bold green" if it.outcome == "sent" else "bold"))
    text.append(f" ({it.reason}): " if it.reason is not Reason.SENT else ": ").append(it.explanation)
    return text.append(" Observed: nothing is delivered." if it.observed else "")
