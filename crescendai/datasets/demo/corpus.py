"""The embedded demo corpus: short passages, simulated players and raters, and the truth behind them.

It needs no download and no binary file: every clip follows from the notes in `score`, the model
of playing in `playing`, the listeners in `raters` and a seed. The pipeline runs on it in
minutes and its results can be checked, since the true ratings are known.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crescendai.datasets.demo.notation import Passage, Piece, Score, read_score
from crescendai.datasets.demo.playing import choose_parameters, draw_style, perform
from crescendai.datasets.demo.raters import answer, standard_properties, true_ratings
from crescendai.datasets.demo.score import PIECES
from crescendai.dimensions import NAMES
from crescendai.errors import ParamsError
from crescendai.midi.notes import Performance, sounding_end_s, write_midi

RELEASE_TAIL_S = 1.0  # a file ends this long after its last key release
_PLAYER, _CLIP = 1, 2  # kinds of random streams; each player and clip has one of its own


@dataclass(frozen=True)
class _Clip:
    piece: Piece
    passage: Passage
    segment: int  # from 1
    player: int  # from 1
    score: Score
    how: dict[str, float]
    performance: Performance

    @property
    def clip_id(self) -> str:
        return f"Demo_{self.piece.name}_{self.piece.bars}bars_{self.player}_{self.segment}"


def _check(pieces: int, passages_per_piece: int, players: int, raters: int) -> None:
    written = min(len(piece.passages) for piece in PIECES)
    for key, value, low, high in (
        ("pieces", pieces, 1, len(PIECES)),
        ("passages_per_piece", passages_per_piece, 1, written),
        ("players", players, 1, None),
        ("raters", raters, 2, None),
    ):
        if value < low or (high is not None and value > high):
            limit = f"{low} to {high}, which is all that is written" if high else f"at least {low}"
            raise ParamsError(f"scale.demo.{key}: expected {limit}, found {value}; change it in params.yaml")


def _clips(pieces: int, passages_per_piece: int, players: int, seed: int) -> Iterator[_Clip]:
    # A stream of random numbers for each player and each clip: a smaller demo is a part of a larger.
    styles = [draw_style(np.random.default_rng([seed, _PLAYER, player])) for player in range(1, players + 1)]
    for number, piece in enumerate(PIECES[:pieces], start=1):
        for segment, passage in enumerate(piece.passages[:passages_per_piece], start=1):
            score = read_score(piece, passage)
            for player, style in enumerate(styles, start=1):
                rng = np.random.default_rng([seed, _CLIP, number, segment, player])
                how = choose_parameters(piece.character, style, draw_style(rng))
                performance = perform(score, piece.quarters_per_minute, how, rng)
                yield _Clip(piece, passage, segment, player, score, how, performance)


def _truth_row(clip: _Clip) -> dict[str, str | float]:
    properties = standard_properties(clip.how, clip.score, clip.piece.quarters_per_minute, clip.passage.mode)
    music = {name: properties[name] for name in ("minor", "register", "density")}
    return {"clip_id": clip.clip_id, **clip.how, **music, **true_ratings(properties)}


def demo_truth(pieces: int, passages_per_piece: int, players: int, raters: int, seed: int) -> pd.DataFrame:
    """What is behind the ratings: a row a clip, in the order of `make_demo`.

    Returns:
        ``clip_id``, the parameters of `playing` in their units, ``minor`` (1 or -1), ``register``
        and ``density`` (standardised) and the 19 true ratings in (1/7, 1).

    Raises:
        ParamsError: more pieces or passages than are written, or too few players or raters.
    """
    _check(pieces, passages_per_piece, players, raters)
    return pd.DataFrame([_truth_row(clip) for clip in _clips(pieces, passages_per_piece, players, seed)])


def make_demo(
    pieces: int, passages_per_piece: int, players: int, raters: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Makes the demo corpus, pieces × passages_per_piece × players clips.

    Returns:
        The tables clips and ratings. A clip's rating is the mean of the answers that were given;
        ``movement`` is the piece, ``passage`` is piece and segment, ``audio`` is null.

    Raises:
        ParamsError: more pieces or passages than are written, or too few players or raters.
    """
    _check(pieces, passages_per_piece, players, raters)
    clips = list(_clips(pieces, passages_per_piece, players, seed))
    ratings = answer(pd.DataFrame([_truth_row(clip) for clip in clips]), raters, seed)
    about = pd.DataFrame(
        [
            {
                "clip_id": clip.clip_id,
                "piece": f"Demo_{clip.piece.name}",
                "movement": f"Demo_{clip.piece.name}",
                "segment": str(clip.segment),
                "player": str(clip.player),
                "excerpt": f"Demo_{clip.piece.name}_{clip.segment}",
                "passage": f"Demo_{clip.piece.name}_{clip.segment}",
                "midi": write_midi(clip.performance, sounding_end_s(clip.performance, RELEASE_TAIL_S)),
                "audio": None,
            }
            for clip in clips
        ]
    )
    by_clip = ratings.groupby("clip_id", sort=False)
    means = by_clip[list(NAMES)].mean().assign(n_raters=by_clip.size())[["n_raters", *NAMES]]
    return about.merge(means, left_on="clip_id", right_index=True, validate="one_to_one"), ratings
