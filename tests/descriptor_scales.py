"""Scales of descriptors that are normal already: they change nothing but the unit, within +-2.15 of it."""

from scipy.stats import norm

from crescendai.models.descriptors import SHARES, DescriptorScale


def normal_scale(names: tuple[str, ...], *deviations: float) -> DescriptorScale:
    """deviations: one a descriptor, or one for all."""
    each = deviations * len(names) if len(deviations) == 1 else deviations
    return DescriptorScale(names, tuple(tuple((norm.ppf(SHARES) * deviation).tolist()) for deviation in each))
