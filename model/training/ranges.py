"""Where the training patients' values lay: what an unfamiliar patient is later recognised by."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from model.familiarity import Familiarity, Span
from model.feature_list import FEATURES
from model.features import Feature
from model.training.additive import Floats

Flags = NDArray[np.bool_]

QUANTILES = (0.0005, 0.01, 0.99, 0.9995)
RARE_UNUSUAL = 0.005
RARE_SPARSE = 0.001


def familiarity_of(values: Floats, features: Sequence[Feature]) -> Familiarity:
    """The ranges of a head's features over its training landmarks; `values` has the columns of FEATURES."""
    columns = {feature.id: values[:, FEATURES.index(feature)] for feature in features}
    spans = {name: _span(column) for name, column in columns.items()}
    unusual: dict[str, Flags] = {}
    known: dict[str, Flags] = {}
    none = np.zeros(len(values), dtype=np.bool_)
    for feature in features:
        column, at = columns[feature.id], spans[feature.id]
        outside = (column < at.usual_low) | (column > at.usual_high)
        unusual[feature.concept] = unusual.get(feature.concept, none) | outside
        known[feature.concept] = known.get(feature.concept, none) | ~np.isnan(column)
    return Familiarity(
        spans,
        unusual_concepts=_most(_count(unusual), RARE_UNUSUAL),
        known_concepts=-_most(-_count(known), RARE_SPARSE),
    )


def _span(column: Floats) -> Span:
    known = column[~np.isnan(column)]
    return Span(*np.quantile(known, QUANTILES, method="inverted_cdf").tolist())


def _count(by_concept: Mapping[str, Flags]) -> NDArray[np.int64]:
    return np.asarray(np.stack(list(by_concept.values())).sum(axis=0), dtype=np.int64)


def _most(counts: NDArray[np.int64], rare: float) -> int:
    """The smallest count that fewer than a `rare` share of landmarks exceed."""
    return next(int(most) for most in np.unique(counts) if np.mean(counts > most) < rare)
