"""Spectrograms on the mel scale, on which equal steps sound equally far apart.

Frames of 25 ms, every 10 ms, are weighted by a Hann window; the power of their Fourier transform is summed in bands
that overlap like triangles, and the logarithm is taken, as loudness is heard.
The scale: O'Shaughnessy, Speech Communication, 1987. The bands: Davis and Mermelstein, IEEE Transactions on Acoustics,
Speech and Signal Processing 28, 1980.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

FRAMES_A_SECOND = 100
WINDOW_SECONDS = 0.025
_FLOOR = 1e-8
"""Power, relative to a tone as loud as can be, under which everything is silence: 80 dB down."""
_FINER = 2
"""The transform has at least this times as many points as the window, so that no low band falls between two."""


def spectrogram(x: np.ndarray, rate: int, bands: int) -> np.ndarray:
    """Logarithm of the power in each band of each frame, float32 `(frames, bands)`; at least one frame.

    >>> tone = np.sin(2 * np.pi * 1000 * np.arange(8000) / 8000)
    >>> found = spectrogram(tone.astype(np.float32), 8000, 40)
    >>> found.shape, int(found[50].argmax()) == int(np.abs(centers(8000, 40) - 1000).argmin())
    ((98, 40), True)
    """
    from scipy.fft import rfft

    window, weights = _window(rate), filters(rate, bands)
    hop = rate // FRAMES_A_SECOND
    if len(x) < len(window):
        x = np.pad(x, (0, len(window) - len(x)))
    frames = np.lib.stride_tricks.sliding_window_view(x, len(window))[::hop]
    spectrum = rfft(frames * window, 2 * (len(weights) - 1), axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    found: np.ndarray = np.log(np.maximum(power @ weights, _FLOOR))
    return found


@lru_cache(maxsize=8)
def _window(rate: int) -> np.ndarray:
    """A Hann window, scaled so that the loudest tone has the power 1."""
    length = max(2, round(rate * WINDOW_SECONDS))
    found = np.hanning(length + 1)[:-1]
    return np.asarray(found * 2 / found.sum(), dtype=np.float32)


@lru_cache(maxsize=8)
def filters(rate: int, bands: int) -> np.ndarray:
    """float32 `(points, bands)`: what each point of the transform gives to each band."""
    points = 2 ** int(np.ceil(np.log2(_FINER * len(_window(rate))))) // 2 + 1
    edges = _hertz(np.linspace(0, _mel(rate / 2), bands + 2))
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    at = np.linspace(0, rate / 2, points)[:, None]
    rise, fall = (at - low) / (middle - low), (high - at) / (high - middle)
    found: np.ndarray = np.maximum(0, np.minimum(rise, fall)).astype(np.float32)
    found[np.abs(at - middle).argmin(axis=0), np.arange(bands)] = 1
    return found


def centers(rate: int, bands: int) -> np.ndarray:
    """Hertz at which each band is most sensitive."""
    return _hertz(np.linspace(0, _mel(rate / 2), bands + 2))[1:-1]


def borders(rate: int, bands: int) -> np.ndarray:
    """Hertz at which each band gives way to the next, `(bands + 1,)`."""
    edges = _hertz(np.linspace(0, _mel(rate / 2), 2 * bands + 3))
    return np.asarray(edges[1:-1:2])


def _mel(hertz: float) -> float:
    return float(2595 * np.log10(1 + hertz / 700))


def _hertz(mel: np.ndarray) -> np.ndarray:
    found: np.ndarray = 700 * (10 ** (mel / 2595) - 1)
    return found
