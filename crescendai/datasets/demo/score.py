"""The music of the demo: six pieces of three short passages, written for this project.

Plain idioms of the eighteenth and nineteenth century, four to five seconds each at the written
tempo; the notation is explained in `notation`.
"""

from crescendai.datasets.demo.notation import Passage, Piece

CHORALE = Piece(
    name="chorale",
    metre="4/4",
    bars=2,
    quarters_per_minute=94,
    character={"key_hold": 0.5, "pedal_fraction": 0.2, "tempo_ratio": -0.2},
    passages=(
        Passage(
            mode="major",
            melody="g4/4     b4       d5       c5      | b4      a4       g4/2",
            inner="b3+d4/4   g3+d4    a3+f#4   a3+e4   | g3+d4   f#3+c4   g3+b3/2",
            bass="g2/4       b2       d3       c3      | d3      d3       g2/2",
            harmony="G/4     G        D        Am      | G       D7       G/2",
        ),
        Passage(
            mode="minor",
            melody="a4/4     b4       c5       b4      | a4      g#4      a4/2",
            inner="c4+e4/4   d4+e4    c4+e4    b3+g#4  | c4+f4   b3+e4    c4+e4/2",
            bass="a2/4       g#2      a2       e3      | f3      e3       a2/2",
            harmony="Am/4    E7       Am       E       | F       E        Am/2",
        ),
        Passage(
            mode="major",
            melody="bb4/4    ab4/8 g4 ab4/4    bb4     | g4      f4       eb4/2",
            inner="g3+eb4/4  bb3+eb4  c4+eb4   d4+f4   | c4+eb4  ab3+d4   g3+bb3/2",
            bass="eb3/4      g2       ab2      bb2     | c3      bb2      eb2/2",
            harmony="Eb/4    Eb       Ab       Bb      | Cm      Bb7      Eb/2",
        ),
    ),
)

WALTZ = Piece(
    name="waltz",
    metre="3/4",
    bars=4,
    quarters_per_minute=148,
    character={"rubato": 0.4, "tempo_ratio": 0.2, "voicing": 0.3},
    passages=(
        Passage(
            mode="major",
            melody="a4/2         c5/4  | f5   e5      d5    | c5   bb4     g4    | a4/2.",
            inner="r/4  a3+c4    a3+c4 | r    a3+d4   a3+d4 | r    bb3+e4  bb3+e4| r a3+c4/2",
            bass="f2/4  r/2            | d3/4 r/2           | c3/4 r/2           | f2/4 r/2",
            harmony="F/2.              | Dm                 | C7                 | F",
        ),
        Passage(
            mode="minor",
            melody="d5/4. e5/8   f5/4  | bb5/2        g5/4  | f5   e5      c#5   | d5/2.",
            inner="r/4  a3+f4    a3+f4 | r    bb3+d4  bb3+d4| r    g3+c#4  g3+c#4| r f3+a3/2",
            bass="d3/4  r/2            | g2/4 r/2           | a2/4 r/2           | d2/4 r/2",
            harmony="Dm/2.             | Gm                 | A7                 | Dm",
        ),
        Passage(
            mode="major",
            melody="f5/4. eb5/8  d5/4  | eb5/8 d5 c5/4 g5   | f5/4. eb5/8  c5/4  | d5 bb4/2",
            inner="r/4  d4+f4    d4+f4 | r    g3+eb4  g3+eb4| r    a3+eb4  a3+eb4| r d4+f4/2",
            bass="bb2/4 r/2            | c3/4 r/2           | f2/4 r/2           | bb2/4 r/2",
            harmony="Bb/2.             | Cm                 | F7                 | Bb",
        ),
    ),
)

ALBERTI = Piece(
    name="alberti",
    metre="4/4",
    bars=2,
    quarters_per_minute=98,
    character={"pedal_fraction": -0.7, "velocity_level": -0.2, "jitter_ms": -0.3},
    passages=(
        Passage(
            mode="major",
            melody="g5/4.   e5/8      c5/4      e5    | f5/8 d5 b4 d5     c5/2",
            inner="r/8 g3 e3 g3       r g3 e3 g3      | r g3 f3 g3        r g3 e3 g3",
            bass="c3/2                c3              | b2                c3",
            harmony="C/1                              | G7/2              C",
        ),
        Passage(
            mode="minor",
            melody="d5/4    g5/8 bb5  a5/4  g5/8 f#5  | g5 eb5   d5 c5    bb4/2",
            inner="r/8 d4 bb3 d4      r d4 c4 d4      | r eb4    r f#3    r d4 bb3 d4",
            bass="g3/2                f#3             | c3/4     d3       g3/2",
            harmony="Gm/2             D7              | Cm/4     D7       Gm/2",
        ),
        Passage(
            mode="major",
            melody="a5/8 f#5 d5 f#5   e5/4      g5    | f#5/8 a5 g5 e5    d5/2",
            inner="r/8 a3 f#3 a3      r a3 g3 a3      | r f#3    r g3     r a3 f#3 a3",
            bass="d3/2                c#3             | d3/4     a2       d3/2",
            harmony="D/2              A7              | D/4      A7       D/2",
        ),
    ),
)

NOCTURNE = Piece(
    name="nocturne",
    metre="6/8",
    bars=2,
    quarters_per_minute=72,
    character={"pedal_fraction": 0.9, "key_hold": 0.5, "velocity_level": -0.5, "rubato": 0.6, "voicing": 0.4},
    passages=(
        Passage(
            mode="major",
            melody="bb5/4   g5/8      eb5/4     c5/8  | d5 f5 ab5         g5/4.",
            inner="r/8      bb2 g3    r         g3 eb4| r f3 d4           r bb2 g3",
            bass="eb2/4.              c3              | bb2               eb2",
            harmony="Eb/4.            Cm              | Bb7               Eb",
        ),
        Passage(
            mode="minor",
            melody="e5/4.             c#5/8 e5 a5     | g#5/4    f#5/8    e5/4.",
            inner="r/8      g#3 e4    r         e3 c#4| r d#3 b#3         r g#2 e3",
            bass="c#3/4.              a2              | g#2               c#2",
            harmony="C#m/4.           A               | G#7               C#m",
        ),
        Passage(
            mode="major",
            melody="d5/4    b4/8      e5/4      g5/8  | f#5/4    c5/8     b4/4.",
            inner="r/8      d3 b3     r         b2 g3 | r a2 f#3          r d3 b3",
            bass="g2/4.               e2              | d2                g2",
            harmony="G/4.             Em              | D7                G",
        ),
    ),
)

TOCCATA = Piece(
    name="toccata",
    metre="4/4",
    bars=2,
    quarters_per_minute=102,
    character={"key_hold": -0.5, "pedal_fraction": -0.4, "velocity_level": 0.4, "rubato": -0.5},
    passages=(
        Passage(
            mode="minor",
            melody="d5/16 a4 f4 a4  e5 a4 f5 a4  g5 d5 bb4 d5  f5 d5 e5 d5"
            "     | c#5 a4 e5 a4  g5 a4 c#5 e5  f5 e5 d5 a4  d5/4",
            inner="r/8 a3   r a3     r bb3    r bb3   | r g3     r g3     r f3     f3/4",
            bass="d2/4      d3       g2       bb2     | a2       c#3      d3       d2",
            harmony="Dm/2            Gm               | A7                Dm",
        ),
        Passage(
            mode="major",
            melody="c5/16 e5 g5 e5  c6 g5 e5 g5  a5 f5 c5 f5  a5 c6 a5 f5"
            "     | b5 g5 d5 g5  f5 d5 b4 d5  c5 e5 g5 e5  c5/4",
            inner="r/8 g3   r g3     r a3     r a3    | r f3     r f3     r e3     e3/4",
            bass="c2/4      c3       f2       a2      | g2       b2       c3       c2",
            harmony="C/2             F                | G7                C",
        ),
        Passage(
            mode="minor",
            melody="e4/16 b3 g4 b3  e4 b3 f#4 b3  a4 e4 c4 e4  g4 e4 f#4 e4"
            "     | d#4 b3 f#4 b3  a4 b3 f#4 d#4  e4 g4 b4 g4  e4/4",
            inner="r/8 g3   r g3     r a3     r a3    | r a3     r a3     r g3     g3/4",
            bass="e2/4      g2       a2       c3      | b2       d#3      e3       e2",
            harmony="Em/2            Am               | B7                Em",
        ),
    ),
)

MARCH = Piece(
    name="march",
    metre="2/4",
    bars=4,
    quarters_per_minute=100,
    character={"key_hold": -0.8, "pedal_fraction": -0.5, "velocity_level": 0.6, "jitter_ms": -0.2},
    passages=(
        Passage(
            mode="major",
            melody="c5/8. c5/16 e5/8 g5 | a5/4   f5       | f5/8. d5/16 b4/8 d5 | c5/2",
            inner="g3+e4/4   g3+e4      | a3+f4  a3+f4    | g3+f4    g3+f4      | g3+e4/2",
            bass="c3/4       g2         | f2     c3       | g2       d3         | c3 c2",
            harmony="C/2                | F               | G7                  | C",
        ),
        Passage(
            mode="minor",
            melody="g4/4 g4/8. ab4/16   | ab4/4 c5/8. ab4/16 | b4/8. c5/16 d5/4 | c5/2",
            inner="c4+eb4/4  c4+eb4     | c4+f4  c4+f4    | b3+f4    b3+f4      | c4+eb4/2",
            bass="c3/4       g2         | f2     c3       | g2       d3         | c2/2",
            harmony="Cm/2               | Fm              | G7                  | Cm",
        ),
        Passage(
            mode="major",
            melody="c5/8 f5/16 g5 a5/8 f5 | g5/8. bb5/16 g5/8 e5 | f5 d5 c5 e5  | f5/2",
            inner="a3+f4/4   a3+f4      | bb3+e4 bb3+e4   | bb3+d4   bb3+e4     | a3+c4/2",
            bass="f2/4       c3         | c3     g2       | bb2      c3         | f2/2",
            harmony="F/2                | C7              | Bb/4     C7         | F/2",
        ),
    ),
)

PIECES: tuple[Piece, ...] = (CHORALE, WALTZ, ALBERTI, NOCTURNE, TOCCATA, MARCH)
