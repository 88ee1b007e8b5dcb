"""The recordings that inputs name: their keys, and what is not there."""

from pathlib import Path

import pytest
import soundfile
from conftest import tone

from pipeline.audio.segments import Segment
from pipeline.errors import UserError
from pipeline.serving.recordings import find, missing, speakers
from pipeline.serving.standard_input import MARK, with_standard_input


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working folder with recordings of the same name in several places."""
    for name in ("k1/x/m.wav", "k1/n.wav", "k2/x/m.wav", "k3/o.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / name, tone(0.2), 16000)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def keys(*inputs):
    return list(find([*map(Path, inputs)]))


@pytest.mark.parametrize(
    ("inputs", "known"),
    [
        (("k1", "k3"), ["n", "x/m", "o"]),
        (("k1/x/m.wav", "k3"), ["m", "o"]),
        (("k1/x/m.wav", "k2/x/m.wav"), ["k1/x/m", "k2/x/m"]),
        (("k1", "k2", "k3"), ["k1/n", "k1/x/m", "k2/x/m", "o"]),
        (("k1/../k1", "k2"), ["k1/n", "k1/x/m", "k2/x/m"]),
    ],
)
def test_recordings_of_one_name_have_as_much_of_their_folders_in_their_keys_as_tells_them_apart(inputs, known):
    assert keys(*inputs) == known


def test_one_recording_twice_and_standard_input_twice(folder):
    for inputs in (("k3/o.wav", "k3/o.wav"), ("k3", "./k3/o.wav"), ("k3", "k3")):
        with pytest.raises(UserError, match=r"k3/o.wav: is given twice; give it once"):
            keys(*inputs)
    (folder / "stdin.wav").touch()
    says = r"stdin\.wav: 'stdin' is what standard input is called; ask about it by itself"
    with pytest.raises(UserError, match=says), with_standard_input([MARK, Path("stdin.wav")]):
        pass


def test_the_speakers_of_tables_go_with_the_keys(folder):
    for name, speaker in (("k1", "anna"), ("k2", "ben")):
        (folder / name / "t.csv").write_text(f"path,speaker,start,end\nx/m.wav,{speaker},0,0.1\n")
    given = [Path("k1/t.csv"), Path("k2/t.csv")]
    known = ["k1/x/m#00000000-00000100", "k2/x/m#00000000-00000100"]
    assert list(find(given)) == known
    assert speakers(given) == dict(zip(known, ["anna", "ben"], strict=True))


def test_files_and_rows_that_are_not_there_are_told(folder):
    (folder / "k1/t.csv").write_text("path,start,end\nx/m.wav,,\nx/N.wav,0,1\n")
    given = [Path("k1/t.csv"), Path("gone.wav")]
    assert find(given) == {
        "x/m": Path("k1/x/m.wav"),
        "x/N#00000000-00001000": Segment(Path("k1/x/N.wav"), 0, 1, "t.csv, line 3"),
        "gone": Path("gone.wav"),
    }
    assert missing(given) == {
        "x/N#00000000-00001000": "k1/t.csv, line 3: no such file: k1/x/N.wav (did you mean 'm.wav'?)",
        "gone": "gone.wav: no such file or folder",
    }


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("gone", "gone: no such file or folder"),
        ("/dev/null", "/dev/null: is no regular file; save the sound to a file, or pipe it into `ser predict MODEL -`"),
    ],
)
def test_what_is_no_input(path, says):
    with pytest.raises(UserError, match=f"^{says}$"):
        keys(path)
