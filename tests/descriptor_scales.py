"""Scales of descriptors that are normal already: they change nothing but the unit, within +-2.15 of it."""

from crescendai.models.descriptors import KNOTS, DescriptorScale, scores_of


def normal_scale(names: tuple[str, ...], *deviations: float) -> DescriptorScale:
    """deviations: one a descriptor, or one for all."""
    each = deviations * len(names) if len(deviations) == 1 else deviations
    return DescriptorScale(names, tuple(tuple((scores_of(KNOTS) * deviation).tolist()) for deviation in each))
