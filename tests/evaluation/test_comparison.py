"""The comparison of two systems against cases worked out by hand, all resamples, and a simulation."""

from itertools import product

import numpy as np
import pytest
from feature_files import manifest_row
from scipy.stats import binomtest
from toy_predictions import FAST, ROWS, predictions, run

from pipeline.config.scoring import ScoringParams
from pipeline.evaluation.comparison import PairedBootstrap, compare, holm
from pipeline.evaluation.scores import intervals
from pipeline.experiments.predictions import Predictions


def paired(y, units, first, second, params=FAST, seed=0):
    """Difference, low, high and p of two systems."""
    found = PairedBootstrap(y, units, {"a": first, "b": second}, params, seed)
    return *found.interval("a", "b"), found.p("a", "b")


# --- which are compared ---


def test_systems_tested_on_the_same_utterances_are_compared(tmp_path):
    first, second, partial, elsewhere = predictions(), predictions(), predictions(), predictions(corpus_name="there")
    second.rows = [1 - row for row in second.rows]
    gone = set(partial.folds[3]["test"])
    keep = [i for i, key in enumerate(partial.keys) if not (partial.fold[i] == 3 and key in gone)]
    for name in ("fold", "part", "keys", "emotions", "speakers", "rows"):
        setattr(partial, name, [getattr(partial, name)[i] for i in keep])
    partial.folds = partial.folds[:3]
    rows = [*ROWS, *(manifest_row(row.key, row.speaker, row.emotion, "there") for row in ROWS)]
    run(tmp_path, {"a": first, "b": second, "c": partial, "d": elsewhere}, rows)
    # 12 utterances only a gets right, 4 only b; UA 0.75 and 0.25 for each of 4 speakers, so that p is 2 / 2^4.
    assert (tmp_path / "comparisons.csv").read_text().splitlines() == [
        "first,second,utterances,p_mcnemar,UA_difference,low,high,p,p_holm",
        f"a,b,16,{binomtest(4, 16).pvalue:.4g},0.5000,0.5000,0.5000,0.125,0.125",
    ]


def test_rows_in_another_order_are_paired_by_their_keys():
    found, other = predictions(), predictions()
    for name in ("fold", "part", "keys", "emotions", "speakers", "rows"):
        setattr(other, name, getattr(other, name)[::-1])
    (pair,) = compare({"a": found, "b": other}, FAST, 0)
    assert (pair.difference, pair.low, pair.high, pair.p, pair.p_mcnemar) == (0, 0, 0, 1, 1)


def test_repeats_of_one_protocol_are_compared_split_by_split_and_not_by_mcnemar():
    def twice(one):
        both = Predictions(one.classes, card={**one.card, "protocol": {"scheme": "grouped_kfold", "repeats": 2}})
        for name in ("part", "keys", "emotions", "speakers", "rows", "folds"):
            setattr(both, name, 2 * getattr(one, name))
        both.fold = one.fold + [4 + fold for fold in one.fold]
        return both

    worse = predictions()
    worse.rows = [1 - row for row in worse.rows]
    (pair,) = compare({"a": twice(predictions()), "b": twice(worse)}, FAST, 0)
    assert (pair.utterances, pair.difference, pair.p_mcnemar) == (16, 0.5, None)
    assert pair.cells()[3] == ""


def test_where_no_speaker_is_known_utterances_are_resampled():
    first, second = predictions(), predictions()
    second.rows = [1 - row for row in second.rows]
    for one in (first, second):
        one.speakers = [""] * len(one.speakers)
    (pair,) = compare({"a": first, "b": second}, FAST, 0)
    assert pair.low < 0.5 < pair.high
    assert pair.p < 0.125


# --- the paired bootstrap ---


def test_the_bootstrap_by_hand():
    """All resamples of three speakers, whose differences of the recall of one class are 1, 1/2 and -1/2."""
    units = np.repeat(["s0", "s1", "s2"], 2)
    y = np.zeros(6, int)
    first, second = np.array([0, 0, 0, 1, 1, 1]), np.array([1, 1, 1, 1, 1, 0])
    difference, low, high, p = paired(y, units, first, second, ScoringParams(bootstrap=2000, confidence=0.9))
    every = sorted(sum(each) / 3 for each in product([1, 0.5, -0.5], repeat=3))
    assert difference == pytest.approx(1 / 3)
    assert (low, high) == pytest.approx((np.quantile(every, 0.05), np.quantile(every, 0.95)))
    # 7 of 27 are 0 or less: -1.5 once, -0.5 three times, and 0 three times.
    below = np.mean(np.array(every) <= 1e-9)
    assert below == pytest.approx(7 / 27)
    assert p == pytest.approx(2 * below, abs=0.02)


def test_equal_systems_do_not_differ():
    y, units = np.array([0, 1] * 8), np.repeat(["s0", "s1", "s2", "s3"], 4)
    assert paired(y, units, np.zeros(16, int), np.zeros(16, int)) == (0, 0, 0, 1)


@pytest.mark.parametrize("speakers", [2, 3, 8])
def test_few_speakers_cannot_show_much(speakers):
    """Where one system is better for every speaker, an exact test that swaps the two gives 2 / 2^speakers."""
    y, units = np.zeros(4 * speakers, int), np.repeat([f"s{i}" for i in range(speakers)], 4)
    assert paired(y, units, y, 1 - y) == (1, 1, 1, 2 / 2**speakers)
    same = np.where(units == "s0", y, 1 - y)  # of use for s0 only
    assert paired(y, units, same, 1 - y)[3] == 1


def test_p_and_the_interval_agree_and_the_order_of_a_pair_only_changes_the_sign():
    rng = np.random.default_rng(0)
    y, units = rng.integers(0, 3, 400), np.array([f"s{i}" for i in rng.integers(0, 20, 400)])
    better, worse = (np.where(rng.random(400) < right, y, (y + 1) % 3) for right in (0.7, 0.55))
    difference, low, high, p = paired(y, units, better, worse)
    assert low > 0
    assert p < 0.05
    back = paired(y, units, worse, better)
    assert back == pytest.approx((-difference, -high, -low, p))


# --- Holm ---


@pytest.mark.parametrize(
    ("ps", "corrected"),
    [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # x4 the smallest, x3, x2, and not below it
        ([0.5, 0.9], [1, 1]),
        ([0.2], [0.2]),
        ([0.02, 0.02], [0.04, 0.04]),
        ([], []),
    ],
)
def test_holm_by_hand(ps, corrected):
    assert holm(ps) == pytest.approx(corrected)


def test_the_pairs_of_a_corpus_are_a_family_of_their_own():
    def flipped(corpus):
        one = predictions(corpus_name=corpus)
        one.rows = [1 - row for row in one.rows]
        return one

    here = {"a": predictions(), "b": flipped("toy"), "c": flipped("toy")}
    alone = {"d": predictions(corpus_name="there"), "e": flipped("there")}
    table = {(one.first, one.second): (one.p, one.p_holm) for one in compare(here | alone, FAST, 0)}
    assert table == {
        ("a", "b"): (0.125, 0.375),
        ("a", "c"): (0.125, 0.375),
        ("b", "c"): (1, 1),
        ("d", "e"): (0.125, 0.125),
    }


# --- a simulation ---

SPEAKERS, EACH, CLASSES, WORLDS = 24, 16, 4, 200


def drawn_world(rng):
    """Two systems of one quality, UA 0.6, for speakers who differ in how easily they are understood by each."""
    y = np.tile(np.arange(CLASSES), SPEAKERS * EACH // CLASSES)
    units = np.repeat([f"s{i:02d}" for i in range(SPEAKERS)], EACH)
    ease = np.repeat(rng.uniform(0.4, 0.8, (2, SPEAKERS)), EACH, axis=1)
    right = rng.random((2, len(y))) < ease
    return y, units, *np.where(right, y, (y + 1) % CLASSES)


def test_intervals_cover_and_tests_do_not_reject_too_often_in_a_simulation():
    rng, params = np.random.default_rng(0), ScoringParams(bootstrap=200)
    covered, paired_covered, rejected = 0, 0, 0
    for _ in range(WORLDS):
        y, units, first, second = drawn_world(rng)
        low, high = intervals(y, first, [*units], params, 0)["UA"]
        covered += low <= 0.6 <= high
        _, low, high, p = paired(y, units, first, second, params)
        paired_covered += low <= 0 <= high
        rejected += p < 0.05
    # 95 % of 200 are 190, and a binomial's deviation is 3.1; a percentile interval of 24 is a little too narrow.
    assert 178 <= covered <= 198
    assert 178 <= paired_covered <= 198
    assert rejected <= 20
