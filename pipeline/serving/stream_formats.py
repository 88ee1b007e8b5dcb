"""What a stream begins with that is no samples: files that are compressed, or samples in another wrapping."""

from typing import Protocol

AHEAD = 4
"""bytes that show most formats"""
FORMATS = {
    b"fLaC": "FLAC",
    b"OggS": "Ogg",
    b"\x1aE\xdf\xa3": "WebM or Matroska",
    b"FORM": "AIFF",
    b"caff": "CAF",
    b".snd": "AU",
    b"RF64": "RF64",
    b"RIFX": "RIFX",
    b"wvpk": "WavPack",
    b"0&\xb2u": "WMA",
}
TAG = b"ID3"
BIT_RATES = {
    True: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""of layer III (kbit/s): of MPEG-1 (ISO/IEC 11172-3, 2.4.2.3), and of MPEG-2 (ISO/IEC 13818-3, 2.4.2.3) and 2.5"""
MPEG_1 = 3
"""the version's two bits; 2 is MPEG-2, 0 is 2.5"""
RATES = {MPEG_1: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
"""Hz"""


class Reader(Protocol):
    """What bytes come from."""

    def read(self, size: int, /) -> bytes:
        """So many bytes, or fewer at the end."""


def begun(pipe: Reader) -> tuple[bytes, str]:
    """The first bytes of a pipe, and the format that they show; "" where they can be samples.

    Two samples can look like the header of an MP3 frame, so that as many bytes are read as show a second one.
    """
    ahead = pipe.read(AHEAD)
    if ahead.startswith(TAG):
        return ahead, "MP3"
    if size := _frame(ahead):
        ahead += pipe.read(size)
        return ahead, "MP3" if _frame(ahead[size:]) else ""
    return ahead, FORMATS.get(ahead, "")


def _frame(header: bytes) -> int:
    """Bytes of the MP3 frame that begins with this header; 0 where it is none."""
    bits = int.from_bytes(header)
    version, layer, coded, rate = bits >> 19 & 3, bits >> 17 & 3, bits >> 12 & 15, bits >> 10 & 3
    if len(header) < AHEAD or bits >> 21 != 0x7FF or version not in RATES or layer != 1 or coded in (0, 15) or rate > 2:
        return 0
    newest = version == MPEG_1
    return (144 if newest else 72) * 1000 * BIT_RATES[newest][coded - 1] // RATES[version][rate] + (bits >> 9 & 1)
