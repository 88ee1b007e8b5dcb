"""How far systems are held to scikit-learn's own checks, `sklearn.utils.estimator_checks.check_estimator`.

Every check passes for the systems that take vectors: mlp, pooled, svm. The checks fit tables of features (N, dims), so
the other systems, whose tags say that they take none, cannot be given to them; these are listed here with what they
take. That all of them can be cloned, searched, cross-validated and given wrong data is tested without these checks.
"""

from collections.abc import Mapping

from pipeline.systems import SystemEntry, systems


def _reason(entry: SystemEntry) -> str:
    if len(entry.roles) > 1:
        return f"it reads {' and '.join(entry.roles)}, a View in place of (N, dims)"
    shape = "(N, samples)" if entry.roles == ("waveform",) else "(N, frames, dims)"
    return f"it reads {entry.roles[0]}, {shape} in place of (N, dims)"


UNCHECKED: Mapping[str, str] = {name: _reason(entry) for name, entry in systems().items() if entry.roles}
"""system -> why scikit-learn's checks do not apply to it"""
