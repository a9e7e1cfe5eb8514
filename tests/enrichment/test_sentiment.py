"""How texts sound: a table of sentences, the languages left alone, and VADER's own scorer beside ours."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from touchline.pipeline.enrichment.sentiment import LEXICON, MAX_CHARACTERS, Sentiment, read_lexicon
from touchline.pipeline.enrichment.vader import Vader

SENTIMENT = Sentiment()
PLAIN = Vader()
LIBRARY = SentimentIntensityAnalyzer()


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("Terrible support, still waiting for my refund!", -1.0, -0.6),
        ("I have been on hold for two hours and then you hung up on me", -1.0, -0.7),
        ("My parcel never arrived and nobody answers", -1.0, -0.6),
        ("Great, another delay", -0.9, 0.0),
        ("Charged twice, this is a scam", -1.0, -0.6),
        ("This is not helpful", -1.0, -0.3),
        ("I am still not happy with this", -1.0, -0.4),
        ("They won't be helpful", -1.0, -0.2),
        ("The app keeps crashing", -1.0, -0.3),
        ("Thanks for nothing", -1.0, -0.4),
        ("Where is my order?", -0.3, 0.0),
        ("Please confirm my appointment for tomorrow", -0.2, 0.2),
        ("The parcel was delivered at ten", -0.1, 0.1),
        ("Thanks, that fixed it", 0.4, 1.0),
        ("Excellent service, very helpful and quick response!", 0.7, 1.0),
        ("No problems at all, works again", 0.3, 1.0),
        ("\U0001f621\U0001f621", -1.0, -0.3),
    ],
)
def test_a_sentence_sounds_as_it_should(text: str, least: float, most: float) -> None:
    score = SENTIMENT.score(text)
    assert score is not None
    assert least <= score <= most


@pytest.mark.parametrize(
    "text",
    [
        "O produto veio quebrado e ninguém responde",
        "Ainda não recebi o meu pedido, quero o dinheiro de volta",
        "El paquete no llegó y nadie contesta por la línea",
        "Das Paket ist nicht angekommen und ich warte noch auf eine Antwort",
        "Je ne suis pas content, le colis est cassé",
        "Il pacco non è arrivato, sono molto deluso",
        "Доставка опоздала, поддержка не отвечает",
        "配達が遅れています",
    ],
)
def test_what_is_not_english_has_no_score(text: str) -> None:
    assert SENTIMENT.score(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "VADER is smart, handsome, and funny.",
        "VADER is VERY SMART, handsome, and FUNNY!!!",
        "The book was only kind of good.",
        "The plot was good, but the characters are uncompelling and the dialog is not great.",
        "At least it isn't a horrible book.",
        "Today sux",
        "Not bad at all",
        "Without a doubt, excellent idea.",
        "I am not really happy with it?? really???",
        "I have never been so happy",
        "No fun and no joy there",
        "lovely \U0001f60a day",
        ":) and :D",
        "the least good of all",
        "nothing that counts here",
    ],
)
def test_without_our_lexicon_it_scores_as_vader_does(text: str) -> None:
    assert (PLAIN.compound(text) or 0.0) == pytest.approx(LIBRARY.polarity_scores(text)["compound"], abs=1e-3)


@given(st.text(max_size=300))
def test_any_text_has_a_score_in_range_or_none(text: str) -> None:
    score = SENTIMENT.score(text)
    assert score is None or -1.0 <= score <= 1.0


def test_a_long_text_costs_no_more_than_its_beginning() -> None:
    text = "good bad! " * 20_000
    began = time.process_time()
    assert SENTIMENT.score(text) == SENTIMENT.score(text[:MAX_CHARACTERS])
    assert time.process_time() - began < 0.5


def test_the_lexicon_lists_nothing_twice_and_stays_on_the_scale() -> None:
    lexicon = read_lexicon(LEXICON)
    lines = [line for line in LEXICON.read_text(encoding="utf-8").splitlines() if line and not line.startswith("# ")]
    assert len(lines) == len(lexicon) > 200
    assert all(words == words.strip().lower() for words in lexicon)


@pytest.mark.parametrize("line", ["no tab", "too strong\t-7", "no number\tbad"])
def test_a_mistake_in_a_lexicon_names_its_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "lexicon.txt"
    path.write_text(f"# words\nfine\t1.0\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=":3: expected words, a tab and a number from -4 to 4"):
        read_lexicon(path)
