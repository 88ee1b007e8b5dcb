"""What a stage leaves undone when it begins."""

import os
import subprocess
import sys

CODE = """
import sys
sys.orig_argv = ["python", "-m", "stages.features"]
import stages
import pipeline.config.params as params
from pipeline.config.protocols import GroupedKFold
print(params.Params.__pydantic_complete__, GroupedKFold.__pydantic_complete__)
params.Params(protocols={"speakers": {"scheme": "grouped_kfold", "folds": 2}})
print(params.Params.__pydantic_complete__, GroupedKFold.__pydantic_complete__)
import os
print(os.environ["PYDANTIC_DISABLE_PLUGINS"])
"""


def test_a_stage_builds_what_it_uses_and_looks_for_no_plugins(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "PYDANTIC_DISABLE_PLUGINS"}
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, cwd=tmp_path, env=environment
    )
    assert done.stdout.splitlines() == ["False False", "True False", "__all__"]
