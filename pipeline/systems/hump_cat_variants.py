"""HuMP-CAT with fewer streams, or others: the ablations of tables 3, 4 and 7 (Zhao et al. 2025).

One stream beside HuBERT is R_pm itself; without HuBERT, R_pm is R; HuBERT alone is R.
"""

from pipeline.systems.hump_cat import HuMPCATFusionParams, HuMPCATParams, HuMPCATStateParams, HuMPCATSystem


class HuMPCATStates(HuMPCATSystem):
    """HuBERT's stream alone, of which table 3 compares models; there is nothing to attend to."""

    name = "hump_cat_ssl"
    roles = ("ssl",)
    Params = HuMPCATStateParams


class HuMPCATStatesMFCC(HuMPCATSystem):
    """HuBERT and MFCC, as in table 7."""

    name = "hump_cat_ssl_mfcc"
    roles = ("mfcc", "ssl")
    Params = HuMPCATParams


class HuMPCATStatesProsody(HuMPCATSystem):
    """HuBERT and prosody, as in table 7."""

    name = "hump_cat_ssl_prosody"
    roles = ("prosody", "ssl")
    Params = HuMPCATParams


class HuMPCATAcoustic(HuMPCATSystem):
    """Prosody and MFCC (or LPCC, or spectrograms), as in table 4."""

    name = "hump_cat_acoustic"
    roles = ("mfcc", "prosody")
    Params = HuMPCATFusionParams


class HuMPCATSpectral(HuMPCATSystem):
    """Two streams of the kind of MFCC, the first in the role logmel, as in table 4: R_pm = CAT(logmel, mfcc)."""

    name = "hump_cat_spectral"
    roles = ("logmel", "mfcc")
    Params = HuMPCATFusionParams
