"""Metrics against their reference implementations, written out naively here, and their laws."""

import re
import string
from collections import Counter
from collections.abc import Sequence

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from softprompt_plan.vocabulary import Metric
from softprompt_runtime.metrics.bootstrap import NUM_RESAMPLES, interval, resampled_figures
from softprompt_runtime.metrics.classification import accuracy, macro_f1
from softprompt_runtime.metrics.exact_match_f1 import exact_match, f1, normalize
from softprompt_runtime.metrics.figures import References
from softprompt_runtime.metrics.rouge import rouge_l
from softprompt_runtime.metrics.sample_score import SampleScore, mean_of
from softprompt_runtime.metrics.slots import intent_accuracy, intent_of, slot_f1, slots_of

WORDS = st.sampled_from(["the", "a", "An", "cat", "Cat.", "dog", "U.S.", " ", "\n", "theory", "-"])
TEXTS = st.one_of(st.text(max_size=12), st.lists(WORDS, max_size=6).map(" ".join))
LABELS = st.sampled_from(["good", "bad", "so-so", " good", "bad\n", "Good", "neither"])
ROWS = st.lists(st.tuples(LABELS, st.lists(LABELS, min_size=1, max_size=2)), min_size=1, max_size=9)
PAIR = st.tuples(st.sampled_from(["time", "date", "who"]), st.sampled_from(["six am", "today", ""]))


def squad_normalize(text: str) -> str:
    """evaluate-v1.1.py, line by line."""
    text = "".join(ch for ch in text.lower() if ch not in set(string.punctuation))
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


@given(TEXTS)
def test_texts_are_normalized_as_squad_does(text: str) -> None:
    assert normalize(text) == squad_normalize(text)


@pytest.mark.parametrize(
    ("completion", "references", "em", "token_f1"),
    [
        (" The Cat.", ["cat"], 1, 1),
        ("a black cat", ["cat", "the black cat"], 1, 1),
        ("black cat sat", ["cat"], 0, 0.5),
        ("cat cat", ["cat"], 0, 2 / 3),  # a repeated word counts as often as in the reference
        ("theory", ["ory"], 0, 0),
        ("", ["cat"], 0, 0),
        ("the", ["an"], 1, 0),  # both empty: the script's exact match is 1, its F1 is 0
    ],
)
def test_exact_match_and_f1_equal_squads(
    completion: str, references: list[str], em: float, token_f1: float
) -> None:
    assert exact_match(completion, references) == em
    assert f1(completion, references) == pytest.approx(token_f1)


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=3))
def test_more_references_never_lower_a_score(completion: str, references: list[str]) -> None:
    for metric in (exact_match, f1, accuracy):
        alone = [metric(completion, [reference]) for reference in references]
        assert metric(completion, references) == max(alone)
        assert 0 <= min(alone) <= max(alone) <= 1


def test_a_label_matches_as_a_whole() -> None:
    assert accuracy(" positive\n", [" positive"]) == 1
    assert accuracy("positive!", ["positive"]) == 0
    assert accuracy("Positive", ["positive"]) == 0
    assert accuracy("positive positive", ["positive"]) == 0


def naive_macro_f1(rows: Sequence[tuple[str, str]]) -> float:
    """Rows of (found, wanted): scikit-learn's definition over the references' labels."""
    labels = {wanted for _, wanted in rows}
    scores: list[float] = []
    for label in labels:
        both = sum(found == label == wanted for found, wanted in rows)
        total = sum((found == label) + (wanted == label) for found, wanted in rows)
        scores.append(2 * both / total)
    return 100 * sum(scores) / len(scores)


@given(ROWS)
def test_macro_f1_equals_its_definition(rows: list[tuple[str, list[str]]]) -> None:
    completions, references = [r[0] for r in rows], [r[1] for r in rows]
    pairs = [
        (c.strip(), c.strip() if c.strip() in [w.strip() for w in ws] else ws[0].strip())
        for c, ws in rows
    ]

    assert macro_f1(completions, references).figure == pytest.approx(naive_macro_f1(pairs))


def test_a_completion_that_is_no_label_adds_no_label() -> None:
    assert macro_f1(["good", "rubbish"], [["good"], ["bad"]]).figure == pytest.approx(50)


def test_intent_and_slots_are_read_from_their_lines() -> None:
    text = "\nIntent: alarm_set\nSlots: time(six am), date(to (or after) day), who(), time(six am)"

    assert intent_of(text) == "alarm_set"
    assert slots_of(text) == Counter(
        {("time", "six am"): 2, ("date", "to (or after) day"): 1, ("who", ""): 1}
    )
    assert slots_of("Intent: x\nSlots: None") == Counter()
    assert slots_of("alarm_set") is None
    assert intent_of("The Intent: x") is None
    assert intent_accuracy("Intent: alarm_set\nnonsense", [text]) == 1
    assert intent_accuracy("nonsense", ["nonsense"]) == 0


def test_slot_f1_counts_pairs_as_a_multiset_over_all_rows() -> None:
    wanted = [["Slots: time(six), time(six)"], ["Slots: None"], ["Slots: date(today)"]]
    found = ["Slots: time(six)", "Slots: who(me)", "Slots: date(today), time(now)"]

    assert slot_f1(found, wanted).figure == pytest.approx(100 * 2 * 2 / (4 + 3))


def test_right_silence_about_slots_is_perfect() -> None:
    assert slot_f1(["Slots: None"], [["Slots: None"]]).figure == 100
    assert slot_f1(["Slots: who(me)"], [["Slots: None"]]).figure == 0


@given(st.lists(st.lists(PAIR, max_size=4), min_size=1, max_size=5))
def test_a_slot_line_read_back_is_what_was_written(rows: list[list[tuple[str, str]]]) -> None:
    texts = [
        "Slots: " + (", ".join(f"{slot}({value})" for slot, value in row) or "None") for row in rows
    ]

    assert [slots_of(text) for text in texts] == [Counter(row) for row in rows]
    assert slot_f1(texts, [[text] for text in texts]).figure == 100


@given(st.text(alphabet="a(),: \nSlots", max_size=60))
def test_any_completion_can_be_read_for_slots(text: str) -> None:
    assert 0 <= slot_f1([text], [["Slots: a(b)"]]).figure <= 100


def test_rouge_l_is_the_longest_common_subsequence() -> None:
    assert rouge_l("the cat sat on the mat", ["the cat was on the mat"]) == pytest.approx(5 / 6)
    assert rouge_l("dogs", ["dog", "dogs"]) == 1
    assert rouge_l("dogs", ["dog"]) == 0  # no stemmer
    assert rouge_l("", ["dog"]) == 0


def test_references_say_which_metrics_they_can_measure() -> None:
    with_slots = References(rows=(("Intent: x\nSlots: None",), ("Intent: y\nSlots: a(b)",)))
    without = References(rows=(("positive",),))
    metrics = [Metric.EXACT_MATCH, Metric.SLOT_F1]

    assert with_slots.metric_names(metrics) == ["exact_match", "slot_f1", "intent_accuracy"]
    assert without.metric_names(metrics) == ["exact_match"]
    assert with_slots.score("intent_accuracy", ["Intent: x", "Intent: x"]).figure == 50


@pytest.mark.parametrize("metric", list(Metric))
def test_every_metric_is_100_percent_for_the_references_themselves(metric: Metric) -> None:
    texts = ["Intent: x\nSlots: a(b)", "Intent: y\nSlots: None"]
    score = References(rows=tuple((text,) for text in texts)).score(metric.value, texts)

    assert score.figure == pytest.approx(100)


def naive_resamples(score: SampleScore, num_rows: int, num_samples: int) -> list[float]:
    random = np.random.default_rng(99)
    figures: list[float] = []
    for _ in range(num_samples):
        counts = np.bincount(random.integers(num_rows, size=num_rows), minlength=num_rows)
        figures.append(float(score.figures(counts[None].astype(np.float64))[0]))
    return figures


def test_intervals_agree_with_plain_resampling() -> None:
    score = mean_of([1.0] * 30 + [0.0] * 70)

    low, high = interval(resampled_figures(score, seed=3))
    naive_low, naive_high = np.percentile(naive_resamples(score, 100, 2000), [2.5, 97.5])

    assert low < 30 < high
    assert (low, high) == pytest.approx((naive_low, naive_high), abs=1.5)
    # the binomial's own standard error
    assert high - low == pytest.approx(2 * 1.96 * 100 * (0.3 * 0.7 / 100) ** 0.5, rel=0.1)


@given(ROWS)
def test_macro_f1_is_recomputed_for_each_sample(rows: list[tuple[str, list[str]]]) -> None:
    completions, references = [r[0] for r in rows], [r[1][:1] for r in rows]
    score = macro_f1(completions, references)
    drawn = [at % len(rows) for at in (0, 0, 2, 5)]
    counts = np.bincount(drawn, minlength=len(rows)).astype(np.float64)

    expected = naive_macro_f1(
        [(completions[at].strip(), references[at][0].strip()) for at in drawn]
    )

    assert score.figures(counts[None])[0] == pytest.approx(expected)


def test_equal_seeds_give_paired_samples() -> None:
    worse, better = mean_of([0.0, 1.0, 0.0, 1.0]), mean_of([1.0, 1.0, 0.0, 1.0])

    gains = resampled_figures(better, 5) - resampled_figures(worse, 5)

    assert len(gains) == NUM_RESAMPLES
    assert gains.min() >= 0  # unpaired samples would now and then favour the worse
    assert not np.array_equal(resampled_figures(better, 5), resampled_figures(better, 6))


def test_many_rows_are_resampled_in_pieces_with_the_same_law() -> None:
    num_rows = 3000  # 2000 x 3000 counts do not fit one piece
    figures = resampled_figures(mean_of([1.0] * 1500 + [0.0] * 1500), seed=1)

    assert figures.shape == (NUM_RESAMPLES,)
    assert figures.std() == pytest.approx(100 * 0.5 / num_rows**0.5, rel=0.1)


def test_one_row_has_an_interval_without_width() -> None:
    assert interval(resampled_figures(mean_of([1.0]), seed=1)) == (100.0, 100.0)
