"""What tests of policies are made of."""

from collections.abc import Sequence

from touchline.pipeline.outreach.plan import PolicyBook
from touchline.pipeline.outreach.policyentries import Findings, Known
from touchline.pipeline.outreach.policyfiles import PolicySet, compile_policies, look_through
from touchline.schemas.rulefile import Detect, Match, RuleSpec
from touchline.schemas.ruleset import RuleText
from touchline.schemas.vocabulary import Polarity, Scope, Severity, Stage


def rule(name: str, severity: str = "medium", polarity: str = "friction", owner: str = "care") -> RuleSpec:
    """A rule of which only that matters."""
    return RuleSpec(
        id=name, owner=owner, stage=Stage.SUPPORT, severity=Severity(severity), polarity=Polarity(polarity),
        detect=Detect(match=Match(event=("a.one",))), evidence="x", action="act", scope=Scope.CUSTOMER,
    )  # fmt: skip


RULES = {
    one.id: one
    for one in (
        rule("late"), rule("lost", "high"), rule("burnt", "critical"), rule("slow", "low"),
        rule("glad", "low", "delight"), rule("due", "medium", "need"),
    )
}  # fmt: skip
KNOWN = Known(RULES, frozenset({"late", "lost", "apology"}))
HEAD = "schema: outreach/1\n"


def text(body: str, name: str = "shop.yaml", *, builtin: bool = False) -> RuleText:
    """A file; its second line is the first of the body."""
    return RuleText(name=name, text=HEAD + body, builtin=builtin)


def compiled(*bodies: str | RuleText, base: PolicyBook | None = None) -> PolicySet:
    """The policies of files that have no mistakes."""
    return compile_policies(_texts(bodies), base or PolicyBook(), KNOWN)


def mistakes(*bodies: str | RuleText, base: PolicyBook | None = None) -> list[str]:
    """What is wrong with files, each as `line:column: where: message`."""
    findings = Findings()
    look_through(_texts(bodies), base or PolicyBook(), KNOWN, findings)
    assert all(finding.severity == "error" for finding in findings.found)
    return [f"{one.line}:{one.column}: {one.where}: {one.message}" for one in findings.found]


def _texts(bodies: Sequence[str | RuleText]) -> list[RuleText]:
    return [body if isinstance(body, RuleText) else text(body, f"{n}.yaml") for n, body in enumerate(bodies)]
