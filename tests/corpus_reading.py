"""A folder of recordings, read by a corpus reader."""

import pytest
import soundfile
from conftest import tone

from pipeline.corpora import listing
from pipeline.corpora.base import CorpusParams
from pipeline.strict import validate


@pytest.fixture
def build(tmp_path):
    """Make recordings of these names in a folder, and read the folder into manifest rows by path."""

    def build(reader, *names, labels=None, **params):
        for name in names:
            path = tmp_path / "corpus" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, tone(0.1), 16000)
        if labels is not None:
            (tmp_path / "corpus" / "labels.csv").write_bytes(labels if isinstance(labels, bytes) else labels.encode())
            params["table"] = "labels.csv"
        settings = validate(CorpusParams, {"reader": reader, "root": tmp_path / "corpus", **params})
        return {row.wav: row for row in listing.read("mine", settings).rows}

    return build
