"""Text from outside, such as a file's name, made fit for terminals and documents."""

import unicodedata

MARK = "\N{REPLACEMENT CHARACTER}"


def shown(text: str) -> str:
    """The text with a mark in place of what must not be passed on.

    That is every byte of a file's name that is no UTF-8, which JSON, CSV and terminals do not take, and every control
    or format character: a terminal would obey it, or a reader would see another name than the file has.
    """
    decoded = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(MARK if unicodedata.category(sign) in ("Cc", "Cf") else sign for sign in decoded)
