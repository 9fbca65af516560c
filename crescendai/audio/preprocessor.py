"""Spectral and scalar features of a piano recording, for looking at one and for other models.

The pipeline itself uses `crescendai.audio.logmel` and `crescendai.audio.descriptors`, which are faster.
"""

from pathlib import Path
from typing import Literal

import librosa
import numpy as np

from crescendai.audio.load import load_audio
from crescendai.audio.logmel import log_mel_spectrogram
from crescendai.audio.loudness import integrated_loudness_lufs
from crescendai.errors import ParamsError

TARGET_LUFS = -23.0  # EBU R 128's programme level
PEAK = 0.99
QUIETEST = 1e-5  # -100 dB: amplitudes below count as silence
Normalization = Literal["none", "peak", "loudness"]


class PianoAudioPreprocessor:
    """Loads recordings at one rate and describes them with one set of frames.

    Every curve has ``1 + samples // hop_length`` frames.
    """

    def __init__(
        self,
        target_sr: int = 22050,
        n_fft: int = 2048,
        hop_length: int = 512,
        n_mels: int = 128,
        n_mfcc: int = 20,
        f_min_hz: float = 27.5,
        floor_db: float = -100.0,
    ):
        """target_sr: Hz. n_fft, hop_length: samples. f_min_hz: lowest edge; the highest is target_sr / 2."""
        if min(target_sr, n_fft, hop_length, n_mels, n_mfcc) < 1 or not 0 <= f_min_hz < target_sr / 2:
            raise ParamsError(
                "PianoAudioPreprocessor: expected positive sizes and 0 <= f_min_hz < target_sr / 2, found "
                f"{target_sr=}, {n_fft=}, {hop_length=}, {n_mels=}, {n_mfcc=}, {f_min_hz=}; correct them"
            )
        self.target_sr, self.n_fft, self.hop_length = target_sr, n_fft, hop_length
        self.n_mels, self.n_mfcc, self.f_min_hz, self.floor_db = n_mels, n_mfcc, f_min_hz, floor_db

    def load_and_normalize_audio(
        self, path: str | Path, normalization: Normalization = "none"
    ) -> tuple[np.ndarray, int]:
        """Decodes a file to mono float32 ``[samples]`` at ``target_sr``; returns it and the rate.

        normalization: ``none`` keeps the level, and is the default because loudness and dynamic
            range are among what is rated: a gain per clip erases them. ``peak`` scales the largest
            sample to 0.99; ``loudness`` scales to -23 LUFS, less where that would clip. Both leave
            silence alone.

        Raises:
            DataError: see `crescendai.audio.load.load_audio`.
            ParamsError: another normalization.
        """
        audio = load_audio(Path(path), self.target_sr)
        peak = float(np.abs(audio).max())
        if normalization == "none" or peak < QUIETEST:
            gain = 1.0
        elif normalization == "peak":
            gain = PEAK / peak
        elif normalization == "loudness":
            loudness = integrated_loudness_lufs(audio, self.target_sr)
            # Below the gate nothing is loud enough to be measured, so nothing is changed.
            gain = min(10 ** ((TARGET_LUFS - loudness) / 20), PEAK / peak) if np.isfinite(loudness) else 1.0
        if normalization not in ("none", "peak", "loudness"):
            raise ParamsError(
                f"normalization: expected none, peak or loudness, found {normalization!r}; choose one"
            )
        return (audio * np.float32(gain)).astype(np.float32), self.target_sr

    def extract_spectral_features(self, audio: np.ndarray, sr: int) -> dict[str, np.ndarray]:
        """Curves over time: ``mel_db`` ``[t, n_mels]``, ``mfcc`` ``[t, n_mfcc]``, ``chroma`` ``[t, 12]``.

        mel_db is in dB full scale, MFCC are its cosine transform, chroma is C to B, largest 1.
        """
        mel_db = log_mel_spectrogram(
            audio, sr, self.n_fft, self.hop_length, self.n_mels, self.f_min_hz, sr / 2, self.floor_db
        )
        magnitude = self._magnitude(audio)
        # tuning is given: estimating it fails on silence, and a piano is at A440 near enough.
        chroma = librosa.feature.chroma_stft(S=magnitude**2, sr=sr, n_fft=self.n_fft, tuning=0.0)
        mfcc = librosa.feature.mfcc(S=mel_db.T, n_mfcc=self.n_mfcc)
        return {"mel_db": mel_db, "mfcc": mfcc.T.astype(np.float32), "chroma": chroma.T.astype(np.float32)}

    def extract_scalar_features(self, audio: np.ndarray, sr: int) -> dict[str, float]:
        """Single numbers of a clip; all finite, also for silence and for a clip of one frame.

        Beat regularity is 1 / (1 + coefficient of variation of the beat intervals), 0 without beats.
        """
        magnitude = self._magnitude(audio)
        rms_db = 20 * np.log10(np.maximum(self._rms(audio), QUIETEST))
        sounding = rms_db[rms_db > -60.0] if (rms_db > -60.0).any() else rms_db
        low, high = np.percentile(rms_db, (10, 95))
        quiet, loud = np.percentile(sounding, (5, 95))
        tempo, regularity, onsets = self._beat(audio, sr)
        spectral = {"S": magnitude, "sr": sr, "n_fft": self.n_fft}
        curves = {
            "spectral_centroid_hz": librosa.feature.spectral_centroid(**spectral)[0],
            "spectral_rolloff_hz": librosa.feature.spectral_rolloff(**spectral)[0],
            "spectral_bandwidth_hz": librosa.feature.spectral_bandwidth(**spectral)[0],
            "zero_crossing_share": librosa.feature.zero_crossing_rate(
                audio, frame_length=self.n_fft, hop_length=self.hop_length
            )[0],
        }
        named = {
            f"{name}_{how}": getattr(curve, how)()
            for name, curve in curves.items()
            for how in ("mean", "std")
        }
        scalars = {
            "duration_s": len(audio) / sr,
            "tempo_bpm": tempo,
            "beat_regularity": regularity,
            "onsets_per_s": onsets,
            **named,
            "rms_mean_db": rms_db.mean(),
            "rms_std_db": rms_db.std(),
            "rms_range_db": high - low,
            "dynamic_range_db": loud - quiet,
            "peak_db": 20 * np.log10(max(float(np.abs(audio).max()), QUIETEST)),
        }
        return {name: float(value) for name, value in scalars.items()}

    def _magnitude(self, audio: np.ndarray) -> np.ndarray:
        padded = np.pad(audio, self.n_fft // 2)  # as centre=True does, without its warning on short clips
        if len(padded) < self.n_fft:
            padded = np.pad(padded, (0, self.n_fft - len(padded)))
        return np.abs(librosa.stft(padded, n_fft=self.n_fft, hop_length=self.hop_length, center=False))

    def _rms(self, audio: np.ndarray) -> np.ndarray:
        return librosa.feature.rms(
            y=audio, frame_length=self.n_fft, hop_length=self.hop_length, pad_mode="constant"
        )[0]

    def _beat(self, audio: np.ndarray, sr: int) -> tuple[float, float, float]:
        """Beats per minute, regularity and onsets per second; zeros where nothing begins."""
        strength = librosa.onset.onset_strength(
            S=librosa.power_to_db(self._mel_power(audio, sr), top_db=None), sr=sr, hop_length=self.hop_length
        )
        if len(strength) < 8 or strength.max() <= 0:
            return 0.0, 0.0, 0.0
        tempo, beats = librosa.beat.beat_track(
            onset_envelope=strength, sr=sr, hop_length=self.hop_length, units="time"
        )
        onsets = librosa.onset.onset_detect(onset_envelope=strength, sr=sr, hop_length=self.hop_length)
        interval = np.diff(beats)
        regularity = 1.0 / (1.0 + interval.std() / interval.mean()) if len(interval) > 1 else 0.0
        return float(np.atleast_1d(tempo)[0]), float(regularity), len(onsets) / (len(audio) / sr)

    def _mel_power(self, audio: np.ndarray, sr: int) -> np.ndarray:
        mel_db = log_mel_spectrogram(
            audio, sr, self.n_fft, self.hop_length, self.n_mels, self.f_min_hz, sr / 2, self.floor_db
        )
        return 10.0 ** (mel_db.T / 10.0)
