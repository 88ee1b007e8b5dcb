"""What YAML cannot give, or gives otherwise than DVC reads it: each said in one line with its place."""

import pytest
from conftest import PARAMS
from hypothesis import given
from hypothesis import strategies as st
from params_files import edited, mistakes

from pipeline.config.flow_yaml import flow
from pipeline.config.strict_yaml import LONGEST, key_lines, parse
from pipeline.errors import ParamsError
from pipeline.graph.lineage import plain


@pytest.mark.parametrize(
    "text", ["seed: [", "seed: 0\n\tcorpora: 1", "a: b: c", "a: \0", "a: *b", "a: !!python/name:os x"]
)
def test_text_that_is_no_yaml(tmp_path, text):
    ((line, problem),) = mistakes(tmp_path / "params.yaml", text)
    assert line == 0
    assert problem.startswith("not valid YAML: ")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("2024-99-99", "'2024-99-99' is no valid timestamp (text can stand in quotes)"),
        ("2024-01-01 25:00:00", "'2024-01-01 25:00:00' is no valid timestamp"),
        ("!!timestamp x", "'x' is no valid timestamp"),
        ("!!int foo", "'foo' is no valid int"),
        ("!!int ''", "'' is no valid int"),
        ("!!float abc", "'abc' is no valid float"),
        ("!!bool perhaps", "'perhaps' is no valid bool"),
        ("!!map [a]", "this is no valid map"),
        ("9" * 5000, f"'{'9' * 56}... is no valid int"),
        ("[" * 3000, "more than 50 levels of nesting"),
        ("{a: " * 3000, "more than 50 levels of nesting"),
        ("[" * 51 + "]" * 51, "more than 50 levels of nesting"),
        ("&a {b: *a}", "*a stands in itself"),
        ("&a {<<: *a}", "*a stands in itself"),
        ("1:30", "'1:30' would be a number to base 60; write it as a plain number, or as text in quotes"),
        ("1:30.5", "'1:30.5' would be a number to base 60"),
        (f"[&a [{'x, ' * 99}], {'*a, ' * 101}]", "more than 10000 keys and values, with those that aliases repeat"),
        (f"[&a {'[' * 30}{']' * 30}, {'[' * 20}*a{']' * 20}]", "more than 50 levels of nesting"),
        ("{[1]: 2}", "unhashable"),
    ],
)
def test_a_value_that_yaml_cannot_give(tmp_path, value, says):
    ((_, problem),) = mistakes(tmp_path / "params.yaml", f"corpora: {{}}\nseed: {value}\n")
    assert problem.startswith("not valid YAML: ")
    assert says in problem
    assert 'params.yaml", line 2, column ' in problem


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("[" * 40 + "]" * 40, "[" * 40 + "]" * 37 + "..."),
        ("2024-12-31", "datetime.date(2024, 12, 31)"),
        ("yes", "True"),
    ],
)
def test_values_that_yaml_gives_and_params_do_not_take(tmp_path, value, shown):
    text = edited("seed", "quoted").replace("quoted", value)
    ((line, problem),) = mistakes(tmp_path / "params.yaml", text)
    assert line == 1
    assert problem == f"seed: input should be a valid integer; it is {shown}"


def test_a_number_of_thousands_of_digits(tmp_path):
    ((line, problem),) = mistakes(tmp_path / "params.yaml", f"corpora: {{}}\nseed: 0x{'f' * 5000}\n")
    assert (line, problem.partition("; ")[2]) == (2, "it is too long a number to show")


@pytest.mark.parametrize(
    ("text", "key", "number"),
    [
        (PARAMS + "seed: 1\n", "seed", len(PARAMS.splitlines()) + 1),
        (PARAMS.replace("  tiny: {model: tiny,", "  tiny: {model: tiny, model: large,"), "model", 13),
        (PARAMS.replace("  melody: {", "  melody: {extractor: mfcc}\n  melody: {"), "melody", 12),
        (PARAMS.replace("params: {epochs: 1}", "params: {epochs: 1, epochs: 2}"), "epochs", 21),
    ],
)
def test_a_key_that_stands_twice(tmp_path, text, key, number):
    ((_, problem),) = mistakes(tmp_path / "params.yaml", text)
    assert f"key {key!r} stands twice" in problem
    assert f"line {number}," in problem


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-4", 1e-4),
        ("1E5", 1e5),
        ("-.5e+1", -5.0),
        ("3.e2", 300.0),
        ("1e", "1e"),
        ("e4", "e4"),
        ("0.0003", 0.0003),
        ("'1e-4'", "1e-4"),
        ("0x10", 16),
        ("null", None),
    ],
)
def test_numbers_are_those_of_yaml_1_2_and_of_dvc(written, value):
    found = parse(f"a: {written}", "x")["a"]
    assert found == value
    assert type(found) is type(value)


def test_an_anchor_is_read_where_it_stands_again():
    assert parse("a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\ne: *x", "x") == {
        "a": {"b": 1, "c": 2},
        "d": {"b": 1, "c": 3},
        "e": {"b": 1, "c": 2},
    }


def test_text_that_is_too_long_is_not_read(tmp_path):
    ((_, problem),) = mistakes(tmp_path / "params.yaml", f"seed: 0\n{'#' * LONGEST}")
    assert problem == f"has {LONGEST + 1} characters, and {LONGEST} are the most; split it"


@given(st.text(st.sampled_from("ab:-[]{}&*<!|>?'\"#, \n\t0123.e"), max_size=60))
def test_any_text_is_a_value_or_one_line(text):
    said = "x: "
    try:
        parse(text, "x")
        key_lines(text)
    except ParamsError as error:
        said = str(error)
    assert said.startswith("x: ")
    assert len(said.splitlines()) == 1


def test_where_it_is_read_from_is_said():
    with pytest.raises(ParamsError, match=r'^--set n: not valid YAML: .* in "--set n", line 1, column '):
        parse("[", "--set n")


def test_the_lines_of_keys():
    text = "a: 1\n# of nothing\nb:\n  c: {d: 2,\n    e: 3}\n  'f g': [1]\n1: x\n"
    assert key_lines(text) == {
        ("a",): 1,
        ("b",): 3,
        ("b", "c"): 4,
        ("b", "c", "d"): 4,
        ("b", "c", "e"): 5,
        ("b", "f g"): 6,
        ("1",): 7,
    }
    assert key_lines("# nothing") == {}


@given(st.from_regex(r"[A-Za-z0-9_.+-]{1,8}|[-+]?[0-9._]{0,3}[0-9exob]{1,3}", fullmatch=True))
def test_text_that_is_written_on_one_line_is_text_again_for_dvc_too(name):
    text = f"corpora:\n  {flow(name)}: {flow([name])}\n"
    assert parse(text, "params.yaml") == plain(text.encode()) == {"corpora": {name: [name]}}
