"""What a file says it is, read from its first bytes before any decoder sees it.

Decoders have holes: libsndfile 1.2.2 has an open one in IMA ADPCM. So the container is told by its magic and the
encoding by its own header, and what is not on the short list here is never opened.
"""

from typing import BinaryIO

from crescendai.audio.refusal import RefusedAudio

ADVICE = "give a WAV, FLAC, MP3 or OGG file"
PCM, FLOAT, EXTENSIBLE = 1, 3, 0xFFFE  # format tags of WAV (Microsoft, mmreg.h)
SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")  # of the GUIDs that wrap a format tag
WAV_BITS = {PCM: (8, 16, 24, 32), FLOAT: (32, 64)}
MAX_CHUNKS = 64  # before the samples of a WAV; real files have a handful
UNKNOWN_SIZES = (0, 0xFFFFFFFF)  # programs that write to a pipe leave them
OGG_CODECS = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC")
OGG_PAGE = 65307  # bytes at most
SYNC_SEARCH = 4096  # bytes of padding that are forgiven after an ID3 tag


def sniff(file: BinaryIO, name: str) -> str:
    """The container of a file: ``WAV``, ``FLAC``, ``MP3`` or ``OGG``, as libsndfile calls them.

    file: can seek; left at its start. name: for the error message.

    Raises:
        RefusedAudio: ``empty``, ``unsupported_format``, or ``damaged_audio`` for a WAV or OGG that is shorter than
            it says, which libsndfile reads without a word.
    """
    size = file.seek(0, 2)
    head = _at(file, 0, 12)
    if not size:
        raise RefusedAudio("empty", f"{name}: expected audio, found no bytes; {ADVICE}")
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        _check_wav(file, name, size)
        found = "WAV"
    elif head[:4] == b"fLaC":
        found = "FLAC"
    elif head[:4] == b"OggS":
        _check_ogg(file, name, size)
        found = "OGG"
    elif _is_mp3(file, head, size):
        found = "MP3"
    else:
        raise RefusedAudio("unsupported_format", f"{name}: expected audio, found bytes of another kind; {ADVICE}")
    file.seek(0)
    return found


def _check_wav(file: BinaryIO, name: str, size: int) -> None:
    riff_size = int.from_bytes(_at(file, 4, 4), "little")
    if riff_size not in UNKNOWN_SIZES and riff_size + 8 > size:
        raise RefusedAudio(
            "damaged_audio",
            f"{name}: expected {riff_size + 8} bytes as its header says, found {size}; copy or export it again",
        )
    place, known = 12, False
    for _ in range(MAX_CHUNKS):
        chunk = _at(file, place, 8)
        length = int.from_bytes(chunk[4:8], "little")
        if chunk[:4] == b"fmt ":
            _check_wav_format(_at(file, place + 8, min(length, 40)), name)
            known = True
        if len(chunk) < 8 or chunk[:4] == b"data":
            break
        place += 8 + length + length % 2
    if not known or chunk[:4] != b"data":
        raise RefusedAudio("damaged_audio", f"{name}: expected a WAV with samples, found none; export it again")


def _check_wav_format(fields: bytes, name: str) -> None:
    tag = int.from_bytes(fields[:2], "little")
    if tag == EXTENSIBLE:
        tag = int.from_bytes(fields[24:26], "little") if fields[26:40] == SUBFORMAT_TAIL else 0
    bits = int.from_bytes(fields[14:16], "little")
    if bits not in WAV_BITS.get(tag, ()):
        raise RefusedAudio(
            "unsupported_format",
            f"{name}: expected WAV with PCM of 8 to 32 bits or floats, found format tag {tag} with {bits} bits; "
            "export it as PCM",
        )


def _check_ogg(file: BinaryIO, name: str, size: int) -> None:
    page = _at(file, 0, 300)
    first = page[27 + page[26] :] if len(page) > 27 else b""
    if not first.startswith(OGG_CODECS):
        raise RefusedAudio(
            "unsupported_format", f"{name}: expected OGG with Vorbis, Opus or FLAC, found another codec; {ADVICE}"
        )
    tail = _at(file, max(size - OGG_PAGE, 0), OGG_PAGE)
    last = tail[tail.rfind(b"OggS") :]
    segments = last[26] if len(last) > 26 else 0
    if len(last) < 27 or not last[5] & 4 or len(last) < 27 + segments + sum(last[27 : 27 + segments]):
        raise RefusedAudio("damaged_audio", f"{name}: expected a whole OGG, found no last page; export it again")


def _is_mp3(file: BinaryIO, head: bytes, size: int) -> bool:
    """Whether an MPEG audio frame of layer III begins the file, or follows its ID3 tag."""
    place = 0
    if head[:3] == b"ID3" and len(head) >= 10:
        # Seven bits a byte, so that a tag cannot look like a frame.
        place = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
    if place >= size:
        return False
    start = _at(file, place, SYNC_SEARCH if place else 4).lstrip(b"\x00")
    return _is_layer_three(start[:4])


def _is_layer_three(header: bytes) -> bool:
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return False
    mpeg, layer, bit_rate, rate = header[1] >> 3 & 3, header[1] >> 1 & 3, header[2] >> 4, header[2] >> 2 & 3
    return mpeg != 1 and layer == 1 and bit_rate not in (0, 15) and rate != 3


def _at(file: BinaryIO, place: int, length: int) -> bytes:
    file.seek(place)
    return file.read(length)
