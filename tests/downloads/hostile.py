"""Archives that are made to do harm, or are damaged."""

import gzip
import io
import stat
import struct
import tarfile
import warnings
import zipfile

from downloads.host import packed, tarred

LATIN = "Übung/Größe.wav"


def zipped(*members):
    """A zip of names, or of ZipInfo objects, with a few bytes each."""
    memory = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(memory, "w") as archive:
        warnings.simplefilter("ignore")  # of names that are twice
        for member in members:
            archive.writestr(member, b"bytes")
    return memory.getvalue()


def zip_link(target):
    info = zipfile.ZipInfo("link.wav")
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr(info, target)
    return memory.getvalue()


def encrypted():
    """A zip whose file says that it is encrypted, in both of its headers."""
    data = bytearray(zipped("a.wav"))
    data[6] |= 1
    data[data.index(b"PK\1\2") + 8] |= 1
    return bytes(data)


def with_nul():
    return zipped("a_b.wav").replace(b"a_b.wav", b"a\0b.wav")


def of_unknown_packing():
    data = bytearray(zipped("a.wav"))
    struct.pack_into("<H", data, 8, 99)
    struct.pack_into("<H", data, data.index(b"PK\1\2") + 10, 99)
    return bytes(data)


def with_wrong_bytes():
    return zipped("a.wav").replace(b"bytes", b"bites")


def zip_bomb():
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(3):
            archive.writestr(f"{number}.wav", bytes(5 * 10**6))
    return memory.getvalue()


def tar_bomb():
    return tarred({f"{number}.wav": bytes(5 * 10**6) for number in range(3)})


def tar_of(kind, target="", name="a.wav"):
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        archive.addfile(info)
    return memory.getvalue()


def tar_named(name):
    return tar_of(tarfile.REGTYPE, name=name)


HOSTILE = {
    "zip: up": (zipped("../evil.wav"), "'../evil.wav' leads out of the folder"),
    "zip: up inside": (zipped("a/../../evil.wav"), "leads out of the folder"),
    "zip: up as on Windows": (zipped("..\\evil.wav"), "leads out of the folder"),
    "zip: absolute": (zipped("/tmp/evil.wav"), "'/tmp/evil.wav' leads out of the folder"),
    "zip: a drive": (zipped("C:/evil.wav"), "leads out of the folder"),
    "zip: nothing but a point": (zipped("./"), "leads out of the folder"),
    "zip: NUL": (with_nul(), "is no file name"),
    "zip: an escape code": (zipped("a\x1b[2J.wav"), "is no file name"),
    "zip: a long name": (zipped("a" * 300), "is no file name"),
    "zip: deep": (zipped("a/" * 60 + "b"), "folders deep"),
    "zip: a link out": (zip_link("/etc/passwd"), "'link.wav' is a link"),
    "zip: a link inside": (zip_link("a.wav"), "'link.wav' is a link"),
    "zip: twice": (zipped("a.wav", "a.wav"), "'a.wav' is in it twice"),
    "zip: twice after a point": (zipped("a.wav", "./a.wav"), "is in it twice"),
    "zip: in two cases": (zipped("a.wav", "A.wav"), "which are one name on some systems"),
    "zip: folders in two cases": (zipped("a/b.wav", "A/c.wav"), "which are one name on some systems"),
    "zip: in two forms": (zipped("\u00e4.wav", "a\u0308.wav"), "which are one name on some systems"),
    "zip: a file in a file": (zipped("a.wav", "a.wav/b.wav"), "is in it twice"),
    "zip: encrypted": (encrypted(), "'a.wav' is encrypted"),
    "zip: unknown packing": (of_unknown_packing(), "is packed in a way that cannot be read"),
    "zip: wrong bytes": (with_wrong_bytes(), "is damaged"),
    "zip: cut short": (packed()[:-400], "is neither a zip nor a tar"),
    "zip: a bomb": (zip_bomb(), "bytes come out of it"),
    "tar: up": (tar_named("../evil.wav"), "leads out of the folder"),
    "tar: absolute": (tar_named("/tmp/evil.wav"), "leads out of the folder"),
    "tar: a link out": (tar_of(tarfile.SYMTYPE, "/etc/passwd"), "'a.wav' is a link to '/etc/passwd'"),
    "tar: a hard link out": (tar_of(tarfile.LNKTYPE, "../../x"), "'a.wav' is a link to '../../x'"),
    "tar: a device": (tar_of(tarfile.CHRTYPE), "'a.wav' is a device or a pipe"),
    "tar: a pipe": (tar_of(tarfile.FIFOTYPE), "'a.wav' is a device or a pipe"),
    "tar: cut short": (tarred()[:-200], "is damaged"),
    "tar: of other bytes": (gzip.compress(bytes(range(256)) * 100), "is neither a zip nor a tar"),
    "tar: a bomb": (tar_bomb(), "bytes come out of it"),
    "zip: no files": (zipped(), "has no recordings"),
    "nothing": (b"", "is neither a zip nor a tar"),
    "a web page": (b"\n<!DOCTYPE html><title>Sign in</title>", "is a web page and no archive"),
}
"""what is wrong with it -> its bytes, and a part of the error line"""
