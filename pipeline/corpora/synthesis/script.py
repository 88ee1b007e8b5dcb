"""What the demo corpora say and how: speakers, sentences, and one row of settings per emotion.

The settings follow what is commonly reported of acted speech (Scherer 2003, "Vocal communication of emotion"; Juslin
and Laukka 2003): anger and joy are faster, louder, higher and brighter, sadness slower, softer, lower, duller and
breathier. The numbers are this project's own, chosen so that the classes overlap.
"""

import re
from typing import Literal, NamedTuple

Language = Literal["en", "de"]


class Setting(NamedTuple):
    """How one utterance is spoken. Every column is relative to the speaker's own neutral voice."""

    rate: float
    """speaking rate (factor)"""
    pitch: float
    """mean pitch (semitones)"""
    range: float
    """pitch range (factor)"""
    gap: float
    """extra pause between words (ms)"""
    level: float
    """loudness (dB)"""
    tilt: float
    """slope added to the spectrum around 1 kHz (dB per octave); positive is brighter"""
    breath: float
    """aspiration noise (amplitude relative to the voice, 0 to 1)"""
    tremor: float
    """slow amplitude modulation, 5 to 7 Hz (depth, 0 to 1)"""
    rough: float
    """fast amplitude modulation, 50 to 90 Hz (depth, 0 to 1)"""


EMOTIONS: dict[str, Setting] = {
    #                  rate  pitch range  gap  level  tilt breath tremor rough
    "angry":   Setting(1.12,  1.0, 1.25,  0.0,  4.5,  1.5,  0.02,  0.00,  0.25),
    "happy":   Setting(1.05,  3.2, 1.50,  0.0,  1.5,  1.0,  0.02,  0.04,  0.05),
    "neutral": Setting(1.00,  0.0, 1.00,  0.0,  0.0,  0.0,  0.02,  0.00,  0.05),
    "sad":     Setting(0.88, -1.5, 0.65, 20.0, -3.5, -1.2,  0.06,  0.12,  0.05),
}  # fmt: skip

SPREAD = Setting(0.06, 1.0, 0.18, 10.0, 1.6, 0.5, 0.02, 0.05, 0.06)
"""Standard deviation of each column from one utterance to the next, at `variation` 1."""


class Speaker(NamedTuple):
    """One voice: an eSpeak NG voice variant (`espeak-ng-data/voices/!v`) and its own pitch and pace."""

    variant: str
    pitch: float
    """shift of the variant's own pitch (semitones)"""
    rate: float
    """speaking rate (words per minute)"""
    level: float
    """distance to the microphone, as a gain (dB)"""


SPEAKERS: dict[Language, dict[str, Speaker]] = {
    "en": {
        "f1": Speaker("f1", 0.5, 170, 0.0),
        "m1": Speaker("m1", -1.0, 165, 1.0),
        "f2": Speaker("f2", 1.0, 180, -1.5),
        "m2": Speaker("m2", 3.0, 175, -1.0),
        "f3": Speaker("f3", 2.0, 162, 1.5),
        "m3": Speaker("m3", 0.5, 158, 0.5),
        "f4": Speaker("f4", -2.5, 175, -0.5),
        "m4": Speaker("m4", 1.0, 182, -2.0),
    },
    "de": {
        "f1": Speaker("f5", -2.5, 165, 0.5),
        "m1": Speaker("m6", 1.5, 172, 0.0),
        "f2": Speaker("Annie", -1.0, 172, -1.0),
        "m2": Speaker("m7", -1.5, 160, 1.5),
        "f3": Speaker("belinda", -2.0, 178, 1.0),
        "m3": Speaker("m8", 1.0, 168, -1.5),
        "f4": Speaker("steph", 1.0, 160, -0.5),
        "m4": Speaker("max", 3.5, 178, 0.5),
    },
}
"""Women and men in turn, so that any even number of voices is balanced."""

ESPEAK_VOICES: dict[Language, str] = {"en": "en-us", "de": "de"}

SENTENCES: dict[Language, tuple[str, ...]] = {
    "en": (
        "The parcel is lying next to the door.",
        "We are meeting at the station at seven.",
        "There are two cups left on the table.",
        "The shop on the corner opens on Monday.",
        "My jacket is hanging in the other room.",
        "They put the boxes back on the shelf.",
        "The bus stops in front of the library.",
        "She is going to call you this evening.",
        "The blue folder belongs to the office.",
        "He has moved the meeting to Thursday.",
        "You can find the keys in the drawer.",
        "It will take about an hour by train.",
    ),
    "de": (
        "Die Tasche liegt neben der Tür.",
        "Wir treffen uns um sieben am Bahnhof.",
        "Auf dem Tisch stehen noch zwei Tassen.",
        "Der Laden an der Ecke öffnet am Montag.",
        "Meine Jacke hängt im anderen Zimmer.",
        "Wir stellen die Kisten zurück ins Regal.",
        "Der Bus hält direkt an der Bücherei.",
        "Anna ruft dich heute Abend noch an.",
        "Die blaue Mappe gehört ins Büro.",
        "Er hat das Treffen auf Donnerstag verlegt.",
        "Die Schlüssel findest du in der Schublade.",
        "Mit dem Zug dauert es etwa eine Stunde.",
    ),
}

STEM = re.compile(r"(?P<language>en|de)_(?P<speaker>[fm]\d)_(?P<emotion>[a-z]+)_s(?P<sentence>\d\d)_t(?P<take>\d+)")
"""File names of the demo corpora, without `.wav`; sentences and takes count from 1. Example: `en_f1_angry_s03_t1`."""
