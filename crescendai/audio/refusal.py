"""Why a recording is not taken: one family of errors, each with a code that programs can rely on."""

from crescendai.errors import CrescendaiError


class RefusedAudio(CrescendaiError):
    """A recording that cannot be rated.

    code: stable, for programs; one of `CODES`. The message is for people.
    """

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


CODES = {
    "empty": "there are no bytes, or no samples",
    "unsupported_format": "not WAV, FLAC, MP3 or OGG, or an encoding of it that is not decoded",
    "damaged_audio": "the bytes do not decode, or end early",
    "sample_rate_out_of_range": "slower than 8 kHz or faster than 192 kHz",
    "too_many_channels": "more than 8",
    "not_finite": "NaN or infinity among the samples",
    "level_out_of_range": "samples far above full scale",
    "too_short": "less than a second",
    "too_long": "more than the limit",
    "silent": "nothing is heard",
}
