"""New entries in a YAML text: where they are put, and that all else stays."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config.strict_yaml import parse
from pipeline.papers.insert import insert


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("a:\n  x: 1 # one\n\n# b\nb: 2\n", "a:\n  x: 1 # one\n  n: {v: [1, t]}\n\n# b\nb: 2\n"),
        ("a:\n    x: {y: 1}\nb: 2", "a:\n    x: {y: 1}\n    n: {v: [1, t]}\nb: 2"),
        ("a: {} # none\nb: 2\n", "a: # none\n  n: {v: [1, t]}\nb: 2\n"),
        ("a: # none\nb: 2\n", "a: # none\n  n: {v: [1, t]}\nb: 2\n"),
        ("a: null\n", "a:\n  n: {v: [1, t]}\n"),
        ("a: {x: 1}\n", "a: {x: 1, n: {v: [1, t]}}\n"),
        ("a: {x: 1, } # x\n", "a: {x: 1, n: {v: [1, t]}, } # x\n"),
        ("a: {x: 1, # x\n  y: 2, # y\n  }\n", "a: {x: 1, # x\n  y: 2, n: {v: [1, t]}, # y\n  }\n"),
        ("b: 2\n# end\n", "b: 2\n# end\n\na:\n  n: {v: [1, t]}\n"),
        ("{b: 2}\n", "{b: 2, a: {n: {v: [1, t]}}}\n"),
        ("{a: {}}\n", "{a: {n: {v: [1, t]}}}\n"),
        (
            "a:\n  t: |\n    long\n    text\n\nb: 2\n",
            "a:\n  t: |\n    long\n    text\n  n: {v: [1, t]}\n\nb: 2\n",
        ),
        ("a:\n  x: &x {y: 1}\n  z: *x\nb: 2\n", "a:\n  x: &x {y: 1}\n  z: *x\n  n: {v: [1, t]}\nb: 2\n"),
        (
            "a:\n  x: &x {y: 1}\n  z:\n    <<: *x\nb: 2\n",
            "a:\n  x: &x {y: 1}\n  z:\n    <<: *x\n  n: {v: [1, t]}\nb: 2\n",
        ),
        ("a:\n  x:\n  - 1\n  - 2\nb: 2\n", "a:\n  x:\n  - 1\n  - 2\n  n: {v: [1, t]}\nb: 2\n"),
    ],
)
def test_where_entries_are_put(old, new):
    assert insert(old, "a", {"n": {"v": [1, "t"]}}) == new


def test_an_entry_that_is_long_has_a_line_for_each_key():
    added = insert("a:\n  x: 1\n", "a", {"n": {"first": "w" * 60, "second": {"third": "w" * 60}}}, "why")
    assert added.splitlines()[2:] == ["  # why", "  n:", f"    first: {'w' * 60}", f"    second: {{third: {'w' * 60}}}"]


@pytest.mark.parametrize("text", ["a: 3\n", "a: [1]\n", "a: ''\n", "[1]\n", ""])
def test_nothing_is_put_into_what_is_no_mapping(text):
    with pytest.raises(ValueError, match="no mapping"):
        insert(text, "a", {"n": 1})


keys = st.text("abcxyz", min_size=1, max_size=3)
scalars = st.one_of(st.integers(-3, 3), st.booleans(), st.none(), st.text("ab #:{}[],'\"\n", max_size=6), st.just(1e-5))
tables = st.dictionaries(
    keys, st.recursive(scalars, lambda inner: st.dictionaries(keys, inner, max_size=3), max_leaves=6)
)


@given(tables.filter(bool), tables.filter(bool), st.sampled_from([None, False, True]), st.sampled_from(["a", "new"]))
def test_whatever_is_added_is_read_back_with_all_that_was_there(there, added, style, section):
    text = yaml.safe_dump({"a": there, "last": 1}, default_flow_style=style, sort_keys=False)
    new = {f"n_{key}": value for key, value in added.items()}
    expected = parse(text, "")
    expected.setdefault(section, {}).update(new)
    assert parse(insert(text, section, new, "why"), "") == expected
