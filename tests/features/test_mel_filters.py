"""Mel filters and the weights of derivatives: librosa's and SciPy's, to the bit."""

import librosa
import numpy as np
import pytest
from conftest import drawn
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import savgol_coeffs

from pipeline.features.mel_filters import mel_filters
from pipeline.features.mfcc import slope_weights

many = drawn(100)


@pytest.mark.filterwarnings("ignore:Empty filters", "ignore:some mel bands")
@many
@given(
    st.sampled_from([16000, 48000]),
    st.integers(8, 1100).map(lambda half: 2 * half),
    st.integers(1, 224),
    st.floats(0, 1500),
    st.none() | st.floats(2000, 8000),
    st.booleans(),
)
def test_they_are_librosas(rate, n_fft, n_mels, f_min, f_max, htk):
    ours = mel_filters(rate, n_fft, n_mels, f_min, f_max, htk)
    theirs = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels, fmin=f_min, fmax=f_max, htk=htk)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


def test_bands_without_a_bin_are_told():
    with pytest.warns(UserWarning, match="take fewer n_mels"):
        mel_filters(16000, 256, 128, 0.0, None, False)


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("width", [3, 5, 7, 9])
def test_slopes_are_of_savitzky_and_golay(width, order):
    theirs = [savgol_coeffs(width, order, deriv=order, pos=pos, use="dot") for pos in range(width)]
    np.testing.assert_array_equal(slope_weights(width, order, "cpu"), np.float32(theirs))
