"""The one family of errors that a user of CrescendAI is meant to read.

Every message says which file or value, what was expected, what was found and what to do next.
Programs print the message alone and exit with 1; the traceback is for ``--debug``.
"""


class CrescendaiError(Exception):
    """Something a user can put right: a bad input, a missing file, an impossible setting."""


class ParamsError(CrescendaiError):
    """A key or value of params.yaml is unknown, missing or out of range."""


class DataError(CrescendaiError):
    """A file of a corpus is missing, damaged or does not fit the others."""


class LeakError(CrescendaiError):
    """Material of a test fold is also in its training part."""
