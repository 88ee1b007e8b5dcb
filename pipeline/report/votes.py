"""The table of how near probabilities are to the raters' votes, as Markdown."""

from collections.abc import Mapping
from typing import Any

from pipeline.report.markdown import markdown_table

TITLES = ("experiment", "cross-entropy", "KL divergence", "utterances")

TEXT = (
    "How near the test part's probabilities are to the raters' shares of the classes, in nats; a KL of 0 is the "
    "shares themselves. The mean over utterances with votes, each counted as often as it was tested."
)


def votes_section(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Cross-entropy and Kullback-Leibler divergence under a heading; nothing where no corpus has votes."""
    if not (rows := vote_rows(results)):
        return ""
    return "\n".join(["", "## Raters' votes", "", TEXT, "", *markdown_table(TITLES, rows), ""])


def vote_rows(results: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """The cells of those that were tested on recordings with votes, see `evaluation.votes`."""
    return [
        [name, f"{found['cross_entropy']:.3f}", f"{found['KL']:.3f}", str(found["utterances"])]
        for name, row in results.items()
        if (found := row.get("votes"))
    ]
