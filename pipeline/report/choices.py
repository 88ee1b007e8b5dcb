"""What systems chose inside the training parts, as Markdown."""

from collections.abc import Mapping

from pipeline.evaluation.choices import choices_in_words, edges
from pipeline.experiments.parts import Parts

TEXT = "Settings that each fold's model chose inside its training part; `choices/` has them fold by fold."


def choices_section(predictions: Mapping[str, Parts]) -> str:
    """A line for each experiment whose system chooses, under a heading; nothing where none does."""
    lines = [f"- {name}: {choices_text(one)}." for name, one in predictions.items() if one.choices]
    return "\n".join(["", "## Choices", "", TEXT, "", *lines, ""]) if lines else ""


def choices_text(found: Parts) -> str:
    """What was chosen, and a warning where most folds chose an end of a grid; "" where nothing was."""
    warnings = [f"most folds chose {end} of the grid, so widen it" for end in edges(found)]
    return ". ".join(["; ".join(choices_in_words(found)), *(f"Beware: {warning}" for warning in warnings)])
