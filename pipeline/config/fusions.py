"""Params of decision-level fusions.

A fusion takes the class probabilities p1, ..., pN of its branches, C each, and its method is one of

- `logistic_regression`: softmax(W [p1; ...; pN] + b). `solver: lbfgs` is scikit-learn's fit, with the penalty that `c`
  says; `solver: adam` is that of the dual-branch paper (Wei et al. 2025, table II), without one, whose best epoch on
  the validation part is kept;
- `weighted_average`: one set of weights for all utterances;
- `gated`: weights that a gate chooses for each utterance;
- `stacking`: `classifier`, by its name in scikit-learn, with `classifier_params`; see `stacking.py` for which.

What is fitted is kept in data/models/FUSION, with the models of the branches.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from pipeline.config.scoring import Published
from pipeline.config.stacking import classifier_problem, params_problem
from pipeline.strict import Strict

ADAM = ("learning_rate", "batch_size", "epochs", "patience")
"""params of the solver adam"""

STACKED = ("classifier", "classifier_params")
"""params of stacking"""


class FusionParams(Strict):
    """One fusion of two or more branches."""

    of: list[str] = Field(description="the branches: two or more experiments or fusions, each once")
    method: Literal["logistic_regression", "weighted_average", "gated", "stacking"] = Field(
        "logistic_regression",
        description="softmax(W [p1; ...; pN] + b); or one set of weights for all utterances; or each utterance's own; "
        "or a classifier of scikit-learn on [p1; ...; pN]",
    )
    fit_on: Literal["training", "validation", "other_folds"] = Field(
        "training",
        description="training: out-of-fold probabilities of the fold's own training part (the protocol needs "
        "inner_folds); validation: the fold's validation part, the default of the weighted average; other_folds: the "
        "other folds' test parts",
    )
    c: float = Field(
        1.0, gt=0, description="inverse regularisation strength of the logistic regression and of the gate's weights"
    )
    solver: Literal["lbfgs", "adam"] = Field(
        "lbfgs", description="of the logistic regression: scikit-learn's, or the dual-branch paper's"
    )
    learning_rate: float = Field(5e-4, gt=0, description="of adam")
    batch_size: int = Field(32, ge=1, description="of adam (utterances)")
    epochs: int = Field(30, ge=1, description="of adam, at most")
    patience: int = Field(5, ge=0, description="of adam: epochs without a better macro-F1 that end it; 0: never")
    gate_units: int = Field(0, ge=0, description="hidden units of the gate; 0 for a logistic one")
    classifier: str = Field("", description="scikit-learn's name of what is stacked, of those in stacking.py")
    classifier_params: dict[str, Any] = Field(
        {}, validate_default=True, description="its params; scikit-learn's defaults where left out"
    )
    published: Published = Field({}, description="what the paper reports (%), for the tables")

    @model_validator(mode="before")
    @classmethod
    def _few_numbers_are_chosen_on_validation(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and values.get("method") == "weighted_average":
            return {"fit_on": "validation", **values}
        return values

    @model_validator(mode="after")
    def _no_idle_param(self) -> "FusionParams":
        for name in self._idle():
            if name in self.model_fields_set:
                by_solver = self.method == "logistic_regression" and name in ("c", *ADAM)
                reader = f"solver {self.solver}" if by_solver else self.method
                raise ValueError(f"{name} is of no use to {reader}; leave it out")
        return self

    @model_validator(mode="after")
    def _what_a_method_cannot_do_without(self) -> "FusionParams":
        if self.method == "stacking" and not self.classifier:
            raise ValueError("stacking needs a classifier, as classifier: LinearDiscriminantAnalysis")
        if self.solver == "adam" and self.fit_on == "validation":
            raise ValueError(
                "adam keeps the epoch that is best on the validation part, and so is not fitted on it; take fit_on: "
                "training, or solver: lbfgs"
            )
        return self

    @field_validator("classifier")
    @classmethod
    def _known_classifier(cls, name: str) -> str:
        if problem := classifier_problem(name):
            raise ValueError(problem)
        return name

    @field_validator("classifier_params")
    @classmethod
    def _classifiers_own(cls, params: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        name = info.data.get("classifier")
        if name and (problem := params_problem(name, params)):
            raise ValueError(problem)
        return params

    @property
    def label(self) -> str:
        """The method, with what tells it from others of its name: `stacking, GaussianNB`."""
        others = {"stacking": self.classifier, "logistic_regression": "adam" if self.solver == "adam" else ""}
        return ", ".join(filter(None, [self.method, others.get(self.method, "")]))

    @property
    def reads_validation(self) -> bool:
        """Whether it is fitted on the validation part, or chooses its epoch by it."""
        return self.fit_on == "validation" or self.solver == "adam"

    def _idle(self) -> list[str]:
        """The params that the method does not read."""
        read = {
            "logistic_regression": ("solver", *(ADAM if self.solver == "adam" else ("c",))),
            "weighted_average": (),
            "gated": ("c", "gate_units"),
            "stacking": STACKED,
        }
        return [name for name in ("c", "solver", *ADAM, "gate_units", *STACKED) if name not in read[self.method]]

    def used(self) -> dict[str, Any]:
        """What the result depends on, as plain values, in the order of the fields."""
        return self.model_dump(mode="json", exclude={"published", *self._idle()})

    @field_validator("of")
    @classmethod
    def _two_or_more(cls, of: list[str]) -> list[str]:
        twice = [name for name in of if of.count(name) > 1]
        if twice:
            raise ValueError(f"{twice[0]!r} stands twice; a branch is taken once")
        if len(of) < 2:
            raise ValueError("a fusion has two branches or more")
        return of
