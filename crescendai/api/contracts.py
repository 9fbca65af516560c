"""What goes in and comes out, as Pydantic models: the same document from the service and the command line.

Field names are snake_case with units; ratings are 0 to 1; no NaN and no infinity passes in either direction.
"""

from collections.abc import Sequence
from enum import StrEnum
from importlib.metadata import version
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, create_model

from crescendai.audio.refusal import CODES
from crescendai.dimensions import DIMENSIONS, NAMES, NUM_DIMENSIONS

Share = Annotated[float, Field(ge=0.0, le=1.0)]
MelFrame = Annotated[list[Annotated[float, Field(ge=-300.0, le=100.0)]], Field(min_length=1)]
Seconds = Annotated[float, Field(ge=0.0)]


class Contract(BaseModel):
    """What all of them share."""

    model_config = ConfigDict(allow_inf_nan=False, extra="forbid", frozen=True)


_Ratings = create_model(
    "_Ratings",
    __base__=Contract,
    **{
        of.name: (
            Share,
            Field(
                validation_alias=AliasChoices(of.name, of.percepiano_key),
                title=of.label,
                description=f"From {of.low_pole} (1/7) to {of.high_pole} (1).",
                json_schema_extra={
                    "group": of.group, "low_pole": of.low_pole, "high_pole": of.high_pole,
                    "percepiano_key": of.percepiano_key,
                },
            ),
        )
        for of in DIMENSIONS
    },
)  # fmt: skip


class PerformanceDimensions(_Ratings):
    """The ratings of one performance on the 19 dimensions, in PercePiano's order, each 0 to 1.

    Read with our names or with PercePiano's keys, written with our names.
    """

    @classmethod
    def of(cls, ratings: Sequence[float]) -> Self:
        """From the 19 ratings in order, for example one row of a network's output.

        Raises:
            ValueError: another number of them, or one outside 0 to 1.
        """
        return cls(**dict(zip(NAMES, map(float, ratings), strict=True)))

    def by_percepiano_key(self) -> dict[str, float]:
        """The ratings by the keys of PercePiano's own table."""
        return {of.percepiano_key: getattr(self, of.name) for of in DIMENSIONS}


class DimensionInfo(Contract):
    """One rating scale: the lowest answer, 1/7, says the low pole, 1 the high one."""

    name: str
    percepiano_key: str
    group: str
    low_pole: str
    high_pole: str


class RatedDimension(DimensionInfo):
    """A rating with what it means and how far to trust it; no interval from a model that brings none."""

    rating: Share
    lower: Share | None = Field(description="Lower end of the interval.")
    upper: Share | None = Field(description="Upper end of the interval.")


class SectionRatings(Contract):
    """A stretch of the recording; neighbours overlap. Null ratings where hardly anything sounds."""

    start_s: Seconds
    end_s: Seconds
    ratings: PerformanceDimensions | None


class RecordingWarning(Contract):
    """Something about the recording that makes its ratings less certain."""

    code: Literal["short", "clipping", "level", "silence", "little_piano"]
    message: str


class ModelInfo(Contract):
    """Which model rated; ``sha256`` is of its weights."""

    name: str
    version: str
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class ProcessingMetadata(Contract):
    """How the recording came and what was done. Null: not known, as with a spectrogram."""

    duration_s: Seconds
    sample_rate_hz: int | None = Field(description="Of the recording as it came.")
    channels: int | None
    peak_dbfs: float | None
    loudness_lufs: float | None = Field(description="Integrated, ITU-R BS.1770; null also below its gate.")
    clipped_share: Share | None = Field(description="Share of the samples at full scale.")
    sounding_share: Share = Field(description="Share of the time in which something is heard.")
    strokes_per_s: float | None = Field(ge=0.0, description="Piano strokes heard; null from a model that counts none.")
    section_s: Seconds = Field(description="Length of a section; the last may differ, a short recording is one.")
    hop_s: Seconds = Field(description="From one section's start to the next.")
    aggregation: Literal["duration_weighted_mean"] = Field(
        default="duration_weighted_mean",
        description="Overall ratings: mean over sections, each weighted by the sounding time that it is nearest to.",
    )
    model: ModelInfo
    crescendai_version: str = version("crescendai")
    processing_s: Seconds
    request_id: str | None = None


class AnalysisResult(Contract):
    """All that is said about one recording."""

    schema_version: Literal["1"] = "1"
    source: str | None = Field(default=None, description="The file, from the command line; the service keeps no names.")
    ratings: PerformanceDimensions
    coverage: Share | None = Field(
        description="Share of recordings whose listeners' mean rating lies within the interval of a dimension."
    )
    dimensions: Annotated[list[RatedDimension], Field(min_length=NUM_DIMENSIONS, max_length=NUM_DIMENSIONS)]
    sections: Annotated[list[SectionRatings], Field(min_length=1)]
    warnings: list[RecordingWarning]
    processing: ProcessingMetadata


class Failure(Contract):
    """A recording that was not rated; ``code`` is one of `crescendai.audio.refusal.CODES`, or ``unreadable``."""

    source: str
    code: str
    message: str


class BatchReport(Contract):
    """What the command line writes as JSON, of one recording or many."""

    results: list[AnalysisResult]
    failures: list[Failure]


class AudioUpload(Contract):
    """The form that `/v1/analyze` takes; its file's name and type are not looked at."""

    file: Annotated[bytes, Field(description="WAV, FLAC, MP3 or OGG.", json_schema_extra={"format": "binary"})]


class SpectrogramRequest(Contract):
    """A log-mel spectrogram made with the frontend of the model, which `/readyz` states.

    The same as bytes: a ``.npy`` file of float16, float32 or float64 ``[t, f]``, type ``application/x-npy``.
    """

    log_mel: Annotated[list[MelFrame], Field(min_length=1, description="`[t, f]` dB, bands from low to high.")]


class DimensionsResponse(Contract):
    """The 19 dimensions in order."""

    dimensions: list[DimensionInfo]


class Health(Contract):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(Contract):
    """Whether recordings are taken, with which model, and how spectrograms are made for it."""

    ready: bool
    model: ModelInfo | None
    frontend: dict[str, float | str] | None
    limits: "Limits"


class Limits(Contract):
    """What a request may be."""

    max_body_bytes: int
    max_duration_s: Seconds
    min_duration_s: Seconds


ErrorCode = StrEnum("ErrorCode", [
    *CODES,
    "body_too_large", "invalid_request", "unsupported_media_type", "invalid_spectrogram", "upload_timeout",
    "decoding_timeout", "decoding_failed", "unauthorized", "not_found", "method_not_allowed", "overloaded", "timeout",
    "not_ready", "internal",
])  # fmt: skip


class ErrorDetail(Contract):
    """``code`` is stable, for programs; ``message`` is one sentence for people."""

    code: ErrorCode
    message: str
    request_id: str | None


class ErrorResponse(Contract):
    """The body of every answer from 400 on."""

    error: ErrorDetail
