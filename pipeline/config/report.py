"""Params of the report."""

from typing import Literal

from pydantic import Field

from pipeline.strict import Strict

Audio = Literal["shareable", "none", "all"]
"""whose recordings the report plays: corpora's whose licences let them be passed on, none, or all corpora's"""


class ReportParams(Strict):
    """What the report shows beside what was measured."""

    audio: Audio = Field(
        "shareable",
        description="recordings that the report plays: of corpora whose licence lets them be passed on, none, or all, "
        "where the file stays with you",
    )
    clips: int = Field(24, ge=0, le=500, description="the most recordings that the report plays, some 15 kB each")
    mistakes: int = Field(10, ge=0, le=200, description="the surest mistakes that are listed of each experiment")
