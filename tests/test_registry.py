"""How named classes are found in a folder: what counts, what is read of them, and mistakes in their files."""

import re
import sys
from pathlib import Path

import pytest

from pipeline.corpora import READERS
from pipeline.errors import ParamsError, UserError
from pipeline.features import EXTRACTORS
from pipeline.registry import Registry
from pipeline.systems import REGISTRY as SYSTEMS
from pipeline.systems.regression import REGISTRY as REGRESSORS


@pytest.fixture
def entries(tmp_path):
    """The registry of a folder of these modules, name -> text."""

    def entries(**modules):
        for name, text in modules.items():
            data = text if isinstance(text, bytes) else text.encode()
            (tmp_path / f"{name}.py").write_bytes(data)
        return Registry(tmp_path, "package", "Extractor", "extractor", skipped=("parts",))

    return entries


def places(entries):
    return {name: (entry.module, entry.symbol) for name, entry in entries.items()}


def one(name, bases="Extractor", symbol="One"):
    return f'class {symbol}({bases}):\n    name = "{name}"\n'


@pytest.mark.parametrize(
    "text",
    [
        one("x"),
        one("x", "Extractor[OneParams]"),
        one("x", "base.Extractor[OneParams]"),
        one("x", "Mixin, Extractor"),
        'class One(Extractor):\n    """Doc."""\n    other = 3\n    name: ClassVar[str] = "x"\n',
        one("y", "Extractor", "Two") + one("x", "Two"),
        "class Framed(Extractor): pass\n" + one("x", "Framed[OneParams]"),
        "import not_installed_anywhere\nraise SystemExit\n" + one("x"),
    ],
)
def test_what_is_an_extractor(entries, text):
    assert places(entries(m=text))["x"] == ("package.m", "One")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# Extractor",
        'name = "x"',
        "class One(Extractor): pass",
        one("x", "Whatever"),
        'class One:\n    name = "x"\n',
        "class One(Extractor):\n    name = NAME\n",
        "class One(Extractor):\n    name: str\n",
        one("x", "One"),
        one("x", "metaclass=Extractor"),
        one("x", "Extractor()"),
    ],
)
def test_what_is_none(entries, text):
    assert dict(entries(m=text)) == {}


def test_bases_may_be_in_other_modules(entries):
    found = entries(
        a=one("x", "Framed"), b="class Framed(Wide): pass", c="class Wide(Extractor, Generic[P]):\n    name = NAME\n"
    )
    assert places(found) == {"x": ("package.a", "One")}
    assert found["x"].ancestors == ("Framed", "Wide", "Extractor", "Generic")


def test_literals_are_read_and_those_of_bases_too(entries):
    wide = 'class Wide(Extractor):\n    roles: ClassVar = ("a", "b")\n    size = 3\n    Params = P\n'
    found = entries(a=wide + one("x", "Wide") + "    size = -2\n    both = more = {'a': [1]}\n")
    both = {"a": [1]}
    assert found["x"].literals == {"name": "x", "roles": ("a", "b"), "size": -2, "both": both, "more": both}


def test_a_name_is_not_inherited(entries):
    assert list(entries(a=one("x") + "class Two(One): pass\n")) == ["x"]


def test_the_class_is_imported_when_asked_for(entries, tmp_path, monkeypatch):
    (tmp_path / "package_of_one").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "package_of_one/m.py").write_text("class Extractor: pass\n" + one("x"))
    found = Registry(tmp_path / "package_of_one", "package_of_one", "Extractor", "extractor")
    assert "package_of_one.m" not in sys.modules
    assert found.find("x").load().__name__ == "One"


def test_an_unknown_name_is_refused_with_the_nearest(entries):
    found = entries(a=one("melody"), b=one("mfcc"))
    with pytest.raises(
        ParamsError, match=r"^unknown extractor 'melodi' \(did you mean 'melody'\?\); known: melody, mfcc$"
    ):
        found.find("melodi")
    with pytest.raises(KeyError):
        found["melodi"]


def test_subfolders_are_read_but_for_those_skipped_and_hidden(entries, tmp_path):
    for folder in ("sub/deep", "parts", ".ipynb_checkpoints"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "m.py").write_text(one(Path(folder).parts[0]))
    (tmp_path / "notes.txt").write_text("not Python")
    (tmp_path / ".#m.py").symlink_to("an editor's lock")
    assert places(entries(m=one("x"))) == {"sub": ("package.sub.deep.m", "One"), "x": ("package.m", "One")}


def test_two_of_one_name(entries):
    with pytest.raises(UserError, match=r"two\.py: class B has the name 'x' of A in one\.py; rename one$"):
        list(entries(one=one("x", symbol="A"), two=one("x", symbol="B")))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("class One(Extractor:\n", ", line 1"),
        (one("y") + "y = = 2\n", ", line 3"),
        (one("y").encode() + b"x = '\xff'\n", ""),
        (one("y").encode() + b"\0", ""),
    ],
)
def test_a_module_that_is_no_python(entries, text, place):
    with pytest.raises(UserError) as caught:
        list(entries(good=one("x"), bad=text))
    assert re.search(rf"bad\.py{place}.*: not a Python module \(.+\); mend or remove the file$", str(caught.value))
    assert len(str(caught.value).splitlines()) == 1


def test_one_name_parses_what_may_have_it_and_its_bases_alone(entries):
    broken = one("y", symbol="Other").encode() + b"y = = 2\n"
    found = entries(a=one("x", "Framed"), b="class Framed(Extractor):\n    size = 3\n", other=broken)
    assert found["x"].literals == {"name": "x", "size": 3}
    assert found.find("x").symbol == "One"
    with pytest.raises(UserError, match=r"other\.py, line 3: not a Python module"):
        list(found)


@pytest.mark.parametrize(
    "body",
    ['name = (\n        "x"\n    )', 'name = "\\x78"', 'name = other = "x"', 'name = "" "x"', 'name: str = r"x"'],
)
def test_a_name_may_be_spelt_in_any_way(entries, body):
    found = entries(a=f"class One(Extractor):\n    {body}\n", b=one("y", symbol="Two"))
    assert found["x"].symbol == "One"
    assert "y" in found


def test_two_of_one_name_are_told_when_it_is_looked_up(entries):
    found = entries(one=one("x", symbol="A"), two=one("x", symbol="B"), three=one("z", symbol="C"))
    assert found["z"].symbol == "C"
    with pytest.raises(UserError, match=r"two\.py: class B has the name 'x' of A in one\.py; rename one$"):
        found.find("x")


def test_a_look_up_finds_what_listing_does():
    for listed in (EXTRACTORS, READERS, SYSTEMS, REGRESSORS):
        for name, entry in dict(listed).items():
            assert Registry(listed._folder, listed._package, listed._base, "", listed._skipped)[name] == entry


def test_what_was_read_is_looked_up_without_reading_it_again(entries, tmp_path):
    found = entries(a=one("x"), b=one("y", symbol="Two"))
    assert not found.is_current()
    found.read()
    assert found.is_current()
    for path in tmp_path.glob("*.py"):
        path.write_text("")
    assert places(found) == {"x": ("package.a", "One"), "y": ("package.b", "Two")}


@pytest.mark.parametrize("change", ["edited", "added", "gone", "dangling"])
def test_a_changed_folder_is_not_what_was_read(entries, tmp_path, change):
    found = entries(a=one("x"), b=one("y", symbol="Two"))
    found.read()
    if change == "gone":
        (tmp_path / "b.py").unlink()
    elif change == "dangling":
        (tmp_path / "c.py").symlink_to(tmp_path / "nowhere.py")
    else:
        (tmp_path / ("a.py" if change == "edited" else "c.py")).write_text(one("other name", symbol="Three"))
    assert not found.is_current()
