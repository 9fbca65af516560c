"""Statistics that are 0 where there is nothing to measure, so that every performance has every number."""

import numpy as np


def mean(values: np.ndarray) -> float:
    return float(np.mean(values)) if len(values) else 0.0


def median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else 0.0


def std(values: np.ndarray) -> float:
    return float(np.std(values)) if len(values) else 0.0


def percentiles(values: np.ndarray, *percents: float) -> list[float]:
    return np.percentile(values, percents).tolist() if len(values) else [0.0] * len(percents)


def slope(x: np.ndarray, y: np.ndarray) -> float:
    """Least-squares slope of y on a centred or nearly centred x."""
    x = x - x.mean()
    return float(x @ (y - y.mean()) / max(x @ x, 1e-9))


def correlation(x: np.ndarray, y: np.ndarray) -> float:
    x, y = np.asarray(x, float), np.asarray(y, float)
    if len(x) < 2:
        return 0.0
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / max(np.sqrt((x @ x) * (y @ y)), 1e-9))


def moving_mean(values: np.ndarray, width: int) -> np.ndarray:
    width = min(width, len(values))
    return np.convolve(values, np.full(width, 1 / width), mode="valid") if width else values
