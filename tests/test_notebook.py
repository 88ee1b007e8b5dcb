"""The notebook of examples/ runs from its first cell to its last, and ends with what it promises.

`python tests/test_notebook.py` runs it too, and writes its outputs into it.
"""

import json
import os
import tempfile
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

REPOSITORY = Path(__file__).resolve().parents[1]
NOTEBOOK = REPOSITORY / "examples/own_folder.ipynb"
MINUTES = 10
"""that a cell may take, on a busy machine"""

CHECK = """\
print(json.dumps({
    "sum": float(probabilities.sum()), "classes": model.classes, "predicted": predicted, "report": report.is_file(),
    "segments": [[segment.start, segment.end, float(segment.probabilities.sum())] for segment in segments],
    "seconds": sum(map(len, clips)) / RATE, "scores": list(scores),
}))
"""


def executed(folder, *more):
    """The notebook with its outputs, run with this Python and this code in a folder; `more` are cells at its end."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells += [nbformat.v4.new_code_cell(text) for text in more]
    given = {"PYTHONPATH": str(REPOSITORY), "TMPDIR": str(folder), "DVC_NO_ANALYTICS": "1"}
    options = {"timeout": 60 * MINUTES, "record_timing": False, "coalesce_streams": True}
    client = NotebookClient(notebook, **options, resources={"metadata": {"path": str(folder)}})
    client.execute(env={**os.environ, **given})
    notebook.metadata["language_info"] = {"name": "python"}  # without this Python's version
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    return notebook


def kinds(notebook):
    """What each cell of code gives: types of outputs."""
    return [[output.output_type for output in cell.outputs] for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.slow
@pytest.mark.timeout(60 * MINUTES)
def test_the_notebook_goes_from_a_folder_to_predictions(tmp_path):
    notebook = executed(tmp_path, CHECK)
    found = json.loads(notebook.cells[-1].outputs[0].text)
    assert found["classes"] == ["angry", "happy", "neutral", "sad"]
    assert found["sum"] == pytest.approx(1)
    assert found["predicted"] in found["classes"]
    assert found["report"]
    assert found["scores"] == ["pooled_mine", "tiny_mine", "probe_mine"]
    assert [total for _, _, total in found["segments"]] == pytest.approx([1] * len(found["segments"]))
    assert found["segments"][0][:2] == [0, 2]
    assert found["segments"][-1][1] == pytest.approx(found["seconds"], abs=0.01)
    assert kinds(notebook)[:-1] == kinds(nbformat.read(NOTEBOOK, as_version=4))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        nbformat.write(executed(Path(folder)), NOTEBOOK)
