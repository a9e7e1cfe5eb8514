"""How well the sentiment tells unhappy texts from the rest, beside plain VADER, on a labelled file of yours.

python -m benchmarks.sentiment FILE.csv[.gz] --text text --label airline_sentiment --negative negative
"""

import argparse
import csv
import gzip
from collections.abc import Sequence
from pathlib import Path

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from touchline.pipeline.enrichment.sentiment import Sentiment

THRESHOLDS = (-0.6, -0.4, -0.2, -0.1, -0.05)


def rates(scores: Sequence[float | None], negative: Sequence[bool], threshold: float) -> tuple[float, float]:
    """Precision and recall of "scores at most `threshold`" for the negative texts; a text without a score is not."""
    told = [score is not None and score <= threshold for score in scores]
    right = sum(said and truth for said, truth in zip(told, negative, strict=True))
    return right / max(1, sum(told)), right / max(1, sum(negative))


def main() -> None:
    """Prints precision and recall at several thresholds."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("file", type=Path)
    arguments.add_argument("--text", default="text")
    arguments.add_argument("--label", default="label")
    arguments.add_argument("--negative", default="negative")
    given = arguments.parse_args()
    opened = gzip.open if given.file.suffix == ".gz" else open
    with opened(given.file, "rt", encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    negative = [row[given.label] == given.negative for row in rows]
    plain, ours = SentimentIntensityAnalyzer(), Sentiment()
    scored = {
        "plain VADER": [plain.polarity_scores(row[given.text])["compound"] for row in rows],
        "ours": [ours.score(row[given.text]) for row in rows],
    }
    print(f"{len(rows)} texts, {sum(negative)} negative")
    for name, scores in scored.items():
        for threshold in THRESHOLDS:
            precision, recall = rates(scores, negative, threshold)
            print(f"{name:12}  at most {threshold:5}: precision {precision:.3f}  recall {recall:.3f}")


if __name__ == "__main__":
    main()
