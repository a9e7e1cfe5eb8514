"""What customers say: CSAT, NPS, CES, sentiment, advocacy, balance."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from math import sqrt
from typing import Any

import pandas as pd

from tests.warehouse.reckoned.frames import Frames, Reckon, grouped, ratio

PLACE = ["day", "channel", "stage", "party"]


def csat(facts: Frames) -> pd.DataFrame:
    rows = [{**row, "good": row["score"] >= 4} for row in facts.touchpoints if row["scale"] == "csat"]
    frame = grouped(rows, PLACE, answers="n", satisfied="good", score_sum="score")
    return frame.assign(csat=ratio(frame.satisfied, frame.answers))


def nps(facts: Frames) -> pd.DataFrame:
    rows = [
        {**row, "p": row["score"] >= 9, "m": 7 <= row["score"] < 9, "d": row["score"] < 7}
        for row in facts.touchpoints
        if row["scale"] == "nps"
    ]
    frame = grouped(rows, PLACE, answers="n", promoters="p", passives="m", detractors="d", score_sum="score")
    lows, highs = [], []
    for one in frame.itertuples():
        n = one.answers + 3
        p, d = (one.promoters + 0.75) / n, (one.detractors + 0.75) / n
        margin = 1.96 * sqrt((p * (1 - p) + d * (1 - d) + 2 * p * d) / n)  # the variance of p - d of a multinomial
        lows.append(max(-100.0, 100 * (p - d - margin)))
        highs.append(min(100.0, 100 * (p - d + margin)))
    return frame.assign(nps=ratio(frame.promoters - frame.detractors, frame.answers), nps_low=lows, nps_high=highs)


def ces(facts: Frames) -> pd.DataFrame:
    rows = []
    for row in facts.touchpoints:
        if row["scale"] == "ces":
            placed = row["upper"] is not None and row["upper"] > 1
            share = (row["score"] - 1) / (row["upper"] - 1) if placed else 0.0
            ease = (1 - share if row["low_is_good"] else share) if placed else 0.0
            rows.append({**row, "placed": placed, "ease": 100 * ease})
    frame = grouped(
        rows, ["day", "channel", "stage", "upper", "low_is_good"],
        answers="n", score_sum="score", placed="placed", ease_sum="ease",
    )  # fmt: skip
    return frame.assign(ces=ratio(frame.score_sum, frame.answers, 1.0))


def sentiment(facts: Frames) -> pd.DataFrame:
    rows = [row for row in facts.touchpoints if row["sentiment"] is not None]
    frame = grouped(rows, PLACE, texts="n", sentiment_sum="sentiment")
    found: dict[str, list[Any]] = {"week": [], "trend": []}
    for one in frame.itertuples():
        same = frame[(frame.channel == one.channel) & (frame.stage == one.stage) & (frame.party == one.party)]
        week = same[(same.day <= one.day) & (same.day > one.day - timedelta(days=7))]
        before = same[(same.day <= one.day - timedelta(days=7)) & (same.day > one.day - timedelta(days=14))]
        mean = week.sentiment_sum.sum() / week.texts.sum()
        found["week"].append(mean)
        found["trend"].append(mean - before.sentiment_sum.sum() / before.texts.sum() if len(before) else None)
    return frame.assign(sentiment=ratio(frame.sentiment_sum, frame.texts, 1.0), **found)


def _tone(row: dict[str, Any]) -> int | None:
    """1 praise, -1 a complaint, 0 neither, None not known."""
    if row["kind"] == "complaint.made":
        return -1
    stars: float | None = row["attributes"].get("stars")
    sounds: float | None = row["sentiment"]
    if stars is not None:
        return int(stars >= 4) - int(stars <= 2)
    return None if sounds is None else int(sounds >= 0.05) - int(sounds <= -0.05)


def advocacy(facts: Frames) -> pd.DataFrame:
    rows = []
    for row in facts.kinds("social.posted", "product.reviewed", "complaint.made"):
        if row["kind"] != "complaint.made" or row["channel"] == "social":
            tone = _tone(row)
            network = row["attributes"].get("network") or row["channel"]
            rows.append(
                {**row, "network": network, "read": tone is not None, "praise": tone == 1, "complaint": tone == -1}
            )
    frame = grouped(
        rows, ["day", "network", "party"], posts="n", readable="read", praise="praise", complaints="complaint"
    )
    return frame.assign(advocacy=ratio(frame.praise - frame.complaints, frame.readable))


def moments(facts: Frames) -> list[dict[str, Any]]:
    """Good and bad moments: signals, scores, and texts without a score."""
    found = [
        {"customer": one["customer"], "day": one["day"], "stage": one["stage"], "good": one["polarity"] == "delight"}
        for one in facts.signals
        if one["polarity"] in {"friction", "delight"} and one["status"] != "retracted" and not one["incident"]
    ]
    for row in facts.touchpoints:
        good = None
        if row["scale"] == "csat":
            good = True if row["score"] >= 4 else False if row["score"] <= 2 else None
        elif row["scale"] == "nps":
            good = True if row["score"] >= 9 else False if row["score"] < 7 else None
        elif row["scale"] == "" and row["sentiment"] is not None and abs(row["sentiment"]) >= 0.05:
            good = row["sentiment"] > 0
        if good is not None:
            found.append({"customer": row["customer"], "day": row["day"], "stage": row["stage"], "good": good})
    return found


def balance(facts: Frames) -> pd.DataFrame:
    rows = [{**one, "bad": not one["good"]} for one in moments(facts)]
    frame = grouped(rows, ["day", "stage"], good="good", bad="bad")
    return frame.assign(good_per_bad=ratio(frame.good, frame.bad, 1.0))


def balances(facts: Frames) -> dict[str, tuple[int, int]]:
    """By customer: good and bad moments."""
    counts = Counter((one["customer"], one["good"]) for one in moments(facts))
    return {customer: (counts[customer, True], counts[customer, False]) for customer, _ in counts}


SCORES: dict[str, Reckon] = {
    "csat": csat,
    "nps": nps,
    "ces": ces,
    "sentiment": sentiment,
    "advocacy": advocacy,
    "balance": balance,
}
