"""The 19 perceptual dimensions of PercePiano: order, poles, groups and names. The one place.

Order and wording follow the table in the README of github.com/JonghoKimSNU/PercePiano and are
checked there against the ratings of its example clip. A rating near 0 means the low pole, near 1
the high pole; PercePiano's ratings are answers on a 1-7 scale divided by 7, hence in [1/7, 1].
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dimension:
    """One rating scale between two poles."""

    name: str  # snake_case, used for columns and fields
    group: str  # the aspect of playing it belongs to
    low_pole: str  # what a rating near 0 says
    high_pole: str  # what a rating near 1 says
    percepiano_key: str  # the name in PercePiano's own table

    @property
    def label(self) -> str:
        """Short text for tables and plots, for example ``timing: stable - unstable``."""
        return f"{self.group}: {self.low_pole} – {self.high_pole}"


DIMENSIONS: tuple[Dimension, ...] = (
    Dimension("timing_stability", "timing", "stable", "unstable", "Timing_Stable_Unstable"),
    Dimension("articulation_length", "articulation", "short", "long", "Articulation_Short_Long"),
    Dimension("articulation_touch", "articulation", "soft, cushioned", "hard, solid", "Articulation_Soft_cushioned_Hard_solid"),
    Dimension("pedal_amount", "pedal", "sparse, dry", "saturated, wet", "Pedal_Sparse/dry_Saturated/wet"),
    Dimension("pedal_clarity", "pedal", "clean", "blurred", "Pedal_Clean_Blurred"),
    Dimension("timbre_variety", "timbre", "even", "colorful", "Timbre_Even_Colorful"),
    Dimension("timbre_depth", "timbre", "shallow", "rich", "Timbre_Shallow_Rich"),
    Dimension("timbre_brightness", "timbre", "bright", "dark", "Timbre_Bright_Dark"),
    Dimension("timbre_loudness", "timbre", "soft", "loud", "Timbre_Soft_Loud"),
    Dimension("dynamic_sophistication", "dynamics", "sophisticated, mellow", "raw, crude", "Dynamic_Sophisticated/mellow_Raw/crude"),
    Dimension("dynamic_range", "dynamics", "little range", "large range", "Dynamic_Little_dynamic_range_Large_dynamic_range"),
    Dimension("music_pace", "music making", "fast paced", "slow paced", "Music_Making_Fast_paced_Slow_paced"),
    Dimension("music_space", "music making", "flat", "spacious", "Music_Making_Flat_Spacious"),
    Dimension("music_balance", "music making", "disproportioned", "balanced", "Music_Making_Disproportioned_Balanced"),
    Dimension("music_drama", "music making", "pure", "dramatic, expressive", "Music_Making_Pure_Dramatic/expressive"),
    Dimension("mood_valence", "emotion & mood", "optimistic, pleasant", "dark", "Emotion_&_Mood_Optimistic/pleasant_Dark"),
    Dimension("mood_energy", "emotion & mood", "low energy", "high energy", "Emotion_&_Mood_Low_Energy_High_Energy"),
    Dimension("mood_imagination", "emotion & mood", "honest", "imaginative", "Emotion_&_Mood_Honest_Imaginative"),
    Dimension("interpretation", "interpretation", "unsatisfactory, doubtful", "convincing", "Interpretation_Unsatisfactory/doubtful_Convincing"),
)

NAMES: tuple[str, ...] = tuple(dimension.name for dimension in DIMENSIONS)
NUM_DIMENSIONS: int = len(DIMENSIONS)
