"""CrescendAI rates how a piano performance is played, from its sound.

The names below are loaded when they are first used: ``import crescendai`` itself loads no JAX.
"""

from importlib import import_module

_HOMES = {
    "PianoAudioPreprocessor": "crescendai.audio.preprocessor",
    "AudioSpectrogramTransformer": "crescendai.models.ast",
    "PerformanceDimensions": "crescendai.api.contracts",
    "ASTTrainingPipeline": "crescendai.training.pipeline",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'crescendai' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
