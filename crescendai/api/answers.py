"""From what an analysis found to the contract that states it."""

from dataclasses import asdict

from crescendai.analysis.result import Analysis
from crescendai.analysis.sections import HOP_S, SECTION_S
from crescendai.api.contracts import (
    AnalysisResult,
    DimensionInfo,
    ModelInfo,
    PerformanceDimensions,
    ProcessingMetadata,
    RatedDimension,
    RecordingWarning,
    SectionRatings,
)
from crescendai.dimensions import DIMENSIONS, Dimension
from crescendai.shipped import ModelIdentity


def dimension_infos() -> list[DimensionInfo]:
    return [DimensionInfo(**_info(of)) for of in DIMENSIONS]


def analysis_result(
    analysis: Analysis, model: ModelIdentity, source: str | None = None, request_id: str | None = None
) -> AnalysisResult:
    """States an analysis; ``source`` names the file, ``request_id`` the request it answers."""
    interval, sound = analysis.interval, analysis.sound
    return AnalysisResult(
        source=source,
        ratings=PerformanceDimensions.of(analysis.ratings),
        coverage=None if interval is None else interval.coverage,
        dimensions=[
            RatedDimension(
                **_info(of),
                rating=float(analysis.ratings[k]),
                lower=None if interval is None else float(interval.lower[k]),
                upper=None if interval is None else float(interval.upper[k]),
            )
            for k, of in enumerate(DIMENSIONS)
        ],
        sections=[
            SectionRatings(
                start_s=of.start_s,
                end_s=of.end_s,
                ratings=None if of.ratings is None else PerformanceDimensions.of(of.ratings),
            )
            for of in analysis.sections
        ],
        warnings=[RecordingWarning(code=of.code, message=of.message) for of in analysis.warnings],
        processing=ProcessingMetadata(
            duration_s=analysis.duration_s,
            sample_rate_hz=None if sound is None else sound.sample_rate_hz,
            channels=None if sound is None else sound.channels,
            peak_dbfs=None if sound is None else sound.peak_dbfs,
            loudness_lufs=None if sound is None else sound.loudness_lufs,
            clipped_share=None if sound is None else sound.clipped_share,
            sounding_share=analysis.sounding_share,
            strokes_per_s=analysis.strokes_per_s,
            section_s=SECTION_S,
            hop_s=HOP_S,
            model=ModelInfo(**asdict(model)),
            processing_s=analysis.processing_s,
            request_id=request_id,
        ),
    )


def _info(of: Dimension) -> dict[str, str]:
    return {
        "name": of.name, "percepiano_key": of.percepiano_key, "group": of.group, "low_pole": of.low_pole,
        "high_pole": of.high_pole,
    }  # fmt: skip
