"""A corpus as points in the plane: its pooled features on their first two principal components.

Principal components, and not t-SNE: the same bytes whatever the number of threads, and distances that mean something.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.params import Params
from pipeline.corpora.manifest import Row
from pipeline.errors import DataError
from pipeline.graph.report_inputs import pictured, pictured_feature

MOST = 1500
"""points; of a larger corpus, recordings at equal steps through its manifest"""

SHAPES = 12
"""how many shapes there are for speakers; with more speakers, shapes are used again"""

COLOURS = 8
"""how many colours there are for emotions; with more emotions, colours are used again"""


@dataclass(frozen=True)
class Dot:
    """A recording: its place (% of the width and the height), and the numbers of its emotion and speaker."""

    x: float
    y: float
    emotion: int
    speaker: int


@dataclass(frozen=True)
class Projection:
    """The picture of a corpus.

    Attributes:
        corpus: its name.
        feature: the entry of params.yaml whose pooled values these are.
        dots: recordings.
        emotions, speakers: what the dots' numbers stand for.
        explained: the share of the variance that each of the two components has (%).
        total: recordings of the corpus.
    """

    corpus: str
    feature: str
    dots: Sequence[Dot]
    emotions: Sequence[str]
    speakers: Sequence[str]
    explained: tuple[float, float]
    total: int


def projection(params: Params, corpus: str, rows: Sequence[Row]) -> Projection | None:
    """The picture of a corpus; None where it has no feature that is there, or one that is undefined for a recording.

    Raises:
        UserError: the feature file is damaged, or lacks a recording.
    """
    name, path = pictured(params, corpus), pictured_feature(params, corpus)
    shown = rows[:: -(-len(rows) // MOST)] if rows else []
    if name is None or path is None or not path.exists() or len(shown) < 3:
        return None
    try:
        places, explained = _components(path, [row.key for row in shown])
    except DataError:
        return None
    emotions = sorted({row.emotion for row in shown})
    speakers = sorted({row.speaker for row in shown})
    dots = [
        Dot(x, y, emotions.index(row.emotion), speakers.index(row.speaker))
        for (x, y), row in zip(places, shown, strict=True)
    ]
    return Projection(corpus, name, dots, emotions, speakers, explained, len(rows))


def _components(path: Path, keys: Sequence[str]) -> tuple[list[tuple[float, float]], tuple[float, float]]:
    """Places of recordings from 0 to 100, and the two components' shares of the variance (%)."""
    import numpy as np
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    from pipeline.storage.feature_file import FeatureFile
    from pipeline.systems.functionals import vectors
    from pipeline.systems.view import View

    values = StandardScaler().fit_transform(vectors(View(keys, {"any": [FeatureFile(path)]})))
    if values.shape[1] < 2 or not values.any():
        raise DataError(f"{path}: has no two dimensions to be pictured")
    model = PCA(2, svd_solver="full")
    places = model.fit_transform(values)
    low, high = places.min(axis=0), places.max(axis=0)
    scaled = 2 + 96 * (places - low) / np.maximum(high - low, 1e-12)
    first, second = (100 * model.explained_variance_ratio_).tolist()
    return [(round(x, 1), round(100 - y, 1)) for x, y in scaled.tolist()], (first, second)
