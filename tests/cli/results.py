"""Results as the command line gets them, made without a model."""

import numpy as np

from crescendai.analysis.result import Analysis, Interval, RatedStretch
from crescendai.analysis.sections import HOP_S, SECTION_S
from crescendai.api.answers import analysis_result
from crescendai.api.contracts import AnalysisResult
from crescendai.dimensions import NUM_DIMENSIONS
from crescendai.shipped import ModelIdentity

MODEL = ModelIdentity("small", "1.2", "0123456789abcdef" * 4)


def made_result(num_sections: int = 1, rating: float = 0.5, source: str = "a.wav") -> AnalysisResult:
    """All ratings alike, with intervals of 0.25 to either side."""
    ratings = np.full(NUM_DIMENSIONS, rating)
    ends = np.clip(ratings - 0.25, 0, 1), np.clip(ratings + 0.25, 0, 1)
    sections = tuple(RatedStretch(k * HOP_S, k * HOP_S + SECTION_S, ratings) for k in range(num_sections))
    analysis = Analysis(
        ratings, Interval(0.9, *ends), sections, duration_s=sections[-1].end_s, sound=None, sounding_share=1.0,
        strokes_per_s=4.0, warnings=(), processing_s=1.0,
    )  # fmt: skip
    return analysis_result(analysis, MODEL, source)
