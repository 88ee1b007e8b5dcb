"""The comparison of two systems against cases worked out by hand, all resamples, and a simulation."""

import numpy as np
import pytest
from feature_files import manifest_row
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import binomtest, norm, ttest_1samp
from toy_predictions import FAST, ROWS, predictions, run

from pipeline.config.scoring import ScoringParams
from pipeline.evaluation.bootstrap import (
    difference_interval,
    difference_p,
    effective_tests,
    paired_score_interval,
    share_interval,
)
from pipeline.evaluation.comparison import PairedBootstrap, compare, holm
from pipeline.evaluation.scores import intervals
from pipeline.experiments.predictions import Predictions

QUANTILE = norm.ppf(0.975) ** 2


def concordant_reach(tests):
    """How far the score interval reaches where so many tests are all concordant: by hand from Tango's equation."""
    return QUANTILE / (tests + QUANTILE)


def paired(y, units, first, second, params=FAST, seed=0):
    """Difference, low, high and p of two systems."""
    found = PairedBootstrap(y, units, {"a": first == y, "b": second == y}, params, seed)
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
    # 12 utterances only a gets right, 4 only b; UA 0.75 and 0.25 for each of 4 speakers, so that p is 2 / 2^4, which
    # excludes nothing.
    assert (tmp_path / "comparisons.csv").read_text().splitlines() == [
        "first,second,utterances,p_mcnemar,UA_difference,low,high,p,p_holm",
        f"a,b,16,{binomtest(4, 16).pvalue:.4g},0.5000,-1.0000,1.0000,0.125,0.125",
    ]


def test_rows_in_another_order_are_paired_by_their_keys():
    found, other = predictions(), predictions()
    for name in ("fold", "part", "keys", "emotions", "speakers", "rows"):
        setattr(other, name, getattr(other, name)[::-1])
    (pair,) = compare({"a": found, "b": other}, FAST, 0)
    assert (pair.difference, pair.p, pair.p_mcnemar) == (0, 1, 1)
    assert (pair.low, pair.high) == pytest.approx((-concordant_reach(16), concordant_reach(16)))


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


def test_several_trainings_are_held_against_one_by_their_mean():
    def trained(*wrong):
        """The toy's predictions, a training for each number of test utterances of a speaker that it gets wrong."""
        many = Predictions(predictions().classes, card={**predictions().card, "trainings": len(wrong)})
        for number, count in enumerate(wrong):
            one = predictions()
            tests = [i for fold in range(4) for i in one.where("test", fold)[:count]]
            one.rows = [row[::-1] if i in tests else row for i, row in enumerate(one.rows)]
            for name in ("part", "keys", "emotions", "speakers", "rows", "folds"):
                getattr(many, name).extend(getattr(one, name))
            many.fold += [4 * number + fold for fold in one.fold]
        return many

    pairs = {wrong: compare({"a": trained(0), "b": trained(*wrong)}, FAST, 0)[0] for wrong in ((0, 1), (1, 1), (1,))}
    whole = pairs[1, 1]
    assert whole.difference == pairs[1,].difference == 2 * pairs[0, 1].difference != 0
    assert (whole.p_mcnemar, whole.utterances) == (None, 16)
    assert pairs[1,].p_mcnemar is not None


def test_a_test_of_heard_speakers_is_no_other_s_rival():
    heard = predictions()
    heard.card["speaker_dependent"] = True
    assert compare({"new": predictions(), "heard": heard}, FAST, 0) == []


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
    """Three speakers, whose differences of the recall of one class are 1, 1/2 and -1/2: the t test of their mean."""
    units = np.repeat(["s0", "s1", "s2"], 2)
    y = np.zeros(6, int)
    first, second = np.array([0, 0, 0, 1, 1, 1]), np.array([1, 1, 1, 1, 1, 0])
    difference, low, high, p = paired(y, units, first, second, ScoringParams(bootstrap=20_000, confidence=0.9))
    theirs = ttest_1samp([1, 0.5, -0.5], 0)
    assert difference == pytest.approx(1 / 3)
    assert p == pytest.approx(theirs.pvalue, abs=0.01)
    ends = theirs.confidence_interval(0.9)
    assert (low, high) == pytest.approx((max(-1, ends.low), min(1, ends.high)), abs=0.02)


def test_the_interval_of_a_difference_is_that_of_students_t():
    differences = np.array([1, 0.5, 0.25, 0.5, 0.75, 0.5])
    drawn = np.random.default_rng(0).choice(differences, (50_000, 6)).mean(axis=1)
    ends, theirs = difference_interval(differences.mean(), drawn, 6, 0.95, 24, 0.6), ttest_1samp(differences, 0)
    assert ends == pytest.approx([*theirs.confidence_interval(0.95)], abs=0.01)
    assert difference_p(differences.mean(), drawn, 6) == pytest.approx(theirs.pvalue, rel=0.05)


def test_of_one_speaker_nothing_can_be_said():
    assert difference_interval(0.5, np.array([0.5, 0.5]), 1, 0.95, 4, 0.5) == [-1, 1]
    assert difference_p(0.5, np.array([0.5, 0.5]), 1) == 1
    assert share_interval(0.5, np.array([0.5, 0.5]), 1, 0.95) == [0, 1]


@pytest.mark.parametrize(("share", "tests"), [(1.0, 12), (0.0, 12), (0.5, 40), (0.6875, 16), (1.0, 1)])
def test_where_speakers_do_not_differ_the_interval_is_that_of_so_many_recordings(share, tests):
    ends = share_interval(share, np.full(50, share), 4, 0.95, tests)
    theirs = binomtest(round(share * tests), tests).proportion_ci(0.95, method="wilson")
    assert ends == pytest.approx([theirs.low, theirs.high], abs=1e-12)
    assert 0 <= ends[0] <= share <= ends[1] <= 1


def test_how_many_tests_a_mean_of_recalls_is_of():
    assert effective_tests(np.array([20.0, 20.0, 0.0, 20.0])) == pytest.approx(60)
    assert effective_tests(np.array([1000.0, 1.0])) == pytest.approx(4 / 1.001)
    rng, totals = np.random.default_rng(0), np.array([40, 10, 5])
    means = (rng.binomial(totals, 0.8, (100_000, 3)) / totals).mean(axis=1)
    assert means.var() == pytest.approx(0.8 * 0.2 / effective_tests(totals), rel=0.02)


def test_scores_without_any_error_have_intervals():
    y, units = np.array([0, 1, 2] * 4), np.repeat(["s0", "s1", "s2", "s3"], 3)
    found = intervals(y, y, units, ScoringParams(bootstrap=100), 0)
    wilson = binomtest(12, 12).proportion_ci(0.95, method="wilson")
    assert found == {name: pytest.approx([wilson.low, 1]) for name in ("WA", "UA", "macro_F1")}


def test_equal_systems_do_not_differ():
    y, units = np.array([0, 1] * 8), np.repeat(["s0", "s1", "s2", "s3"], 4)
    reach = concordant_reach(16)
    assert paired(y, units, np.zeros(16, int), np.zeros(16, int)) == pytest.approx((0, -reach, reach, 1))
    first, second = y, np.where(np.arange(16) % 4 < 2, y, 1 - y)  # one right, one wrong of each speaker and class
    swapped = np.where(np.arange(16) % 4 < 2, 1 - y, y)
    difference, low, high, p = paired(y, units, second, swapped)
    assert (difference, p) == (0, 1)
    assert high == pytest.approx(-low)
    assert high > paired(y, units, first, first)[2]  # the more they differ, one by one, the less is known


@pytest.mark.parametrize(("only_first", "only_second", "tests"), [(12, 2, 50), (6, 0, 60), (0, 3, 20), (4, 4, 16)])
def test_the_interval_of_so_many_pairs_is_where_the_score_is_the_quantile(only_first, only_second, tests):
    """Against a search for the likeliest table that has a supposed difference."""

    def score(supposed):
        def unlikelihood(second):
            shares = np.array([second + supposed, second, 1 - 2 * second - supposed])
            return -np.sum(np.array([only_first, only_second, tests - only_first - only_second]) * np.log(shares))

        low, high = max(0.0, -supposed), (1 - supposed) / 2
        second = minimize_scalar(unlikelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
        deviation = np.sqrt(tests * (2 * second + supposed * (1 - supposed)))
        return (only_first - only_second - tests * supposed) / deviation

    difference = (only_first - only_second) / tests
    low, high = paired_score_interval(difference, (only_first + only_second) / tests, tests, 0.95)
    assert low == pytest.approx(brentq(lambda supposed: score(supposed) - QUANTILE**0.5, -0.99, difference), abs=1e-5)
    assert high == pytest.approx(brentq(lambda supposed: score(supposed) + QUANTILE**0.5, difference, 0.99), abs=1e-5)
    assert [-high, -low] == pytest.approx(
        paired_score_interval(-difference, (only_first + only_second) / tests, tests, 0.95)
    )


def test_the_interval_of_pairs_that_all_agree_or_all_differ_by_hand():
    assert paired_score_interval(0, 0, 20, 0.95) == pytest.approx([-concordant_reach(20), concordant_reach(20)])
    assert paired_score_interval(1, 1, 20, 0.95) == pytest.approx([(20 - QUANTILE) / (20 + QUANTILE), 1])


def test_intervals_of_speakers_who_all_differ_by_the_same_cover_in_a_simulation():
    """Of six speakers with ten recordings each, of which some 4 in 60 are right by the one system only."""
    rng, covered = np.random.default_rng(0), 0
    counts = rng.multinomial(60, [0.05, 0.02, 0.93], 2000)
    for only_first, only_second, _ in counts:
        about = (only_first - only_second) / 60, np.full(9, (only_first - only_second) / 60), 6, 0.95
        low, high = difference_interval(*about, 60, (only_first + only_second) / 60)
        covered += low <= 0.03 <= high
    assert 0.93 < covered / 2000 < 0.99


@pytest.mark.parametrize("speakers", [2, 3, 8])
def test_where_all_speakers_differ_by_the_same_p_is_of_an_exact_test(speakers):
    """One that swaps the two systems, speaker by speaker, gives 2 / 2^speakers."""
    y, units = np.zeros(4 * speakers, int), np.repeat([f"s{i}" for i in range(speakers)], 4)
    low = (32 - QUANTILE) / (32 + QUANTILE) if speakers == 8 else -1  # of 2 or 3 it excludes nothing
    assert paired(y, units, y, 1 - y) == pytest.approx((1, low, 1, 2 / 2**speakers))
    same = np.where(units == "s0", y, 1 - y)  # of use for s0 only
    assert paired(y, units, same, 1 - y)[3] > 0.25


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


def test_the_pairs_of_a_test_set_are_a_family_of_their_own():
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

EACH, CLASSES, WORLDS = 16, 4, 200


def drawn_world(rng, speakers):
    """Two systems of one quality, UA 0.6, for speakers who differ in how easily they are understood by each."""
    y = np.tile(np.arange(CLASSES), speakers * EACH // CLASSES)
    units = np.repeat([f"s{i:02d}" for i in range(speakers)], EACH)
    ease = np.repeat(rng.uniform(0.4, 0.8, (2, speakers)), EACH, axis=1)
    right = rng.random((2, len(y))) < ease
    return y, units, *np.where(right, y, (y + 1) % CLASSES)


@pytest.mark.parametrize("speakers", [4, 6, 12, 24])
def test_intervals_cover_and_tests_do_not_reject_too_often_in_a_simulation(speakers):
    rng, params = np.random.default_rng(speakers), ScoringParams(bootstrap=200)
    covered, paired_covered, rejected = 0, 0, 0
    for _ in range(WORLDS):
        y, units, first, second = drawn_world(rng, speakers)
        low, high = intervals(y, first, [*units], params, 0)["UA"]
        covered += low <= 0.6 <= high
        _, low, high, p = paired(y, units, first, second, params)
        paired_covered += low <= 0 <= high
        rejected += p < 0.05
    # 95 % of 200 are 190, and a binomial's deviation is 3.1.
    assert 179 <= covered <= 198
    assert 179 <= paired_covered <= 198
    assert rejected <= 19
