"""How busy the GPUs are and what they hold, asked of NVIDIA's management library (NVML); nothing where there is none.

Source of names and structures: NVIDIA, "NVML API Reference Guide"; their forms have not changed since version 2.
"""

from __future__ import annotations

import ctypes
import time
from typing import Any

LIBRARY = "libnvidia-ml.so.1"
ASKED_EVERY_S = 1.0


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


class GpuMeter:
    """Adds up what all GPUs that can be seen do, from now on.

    Args:
        library: NVML's file.
    """

    def __init__(self, library: str = LIBRARY) -> None:
        self._handles: list[ctypes.c_void_p] = []
        self._busy_s = 0.0
        self._peak_memory = 0
        self._asked_at = time.monotonic()
        try:
            self._nvml: Any = ctypes.CDLL(library)
        except OSError:
            return
        count = ctypes.c_uint()
        if self._nvml.nvmlInit_v2() or self._nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)):
            return
        for number in range(count.value):
            handle = ctypes.c_void_p()
            if not self._nvml.nvmlDeviceGetHandleByIndex_v2(number, ctypes.byref(handle)):
                self._handles.append(handle)

    def look(self) -> None:
        """Take note of what they do now; asks once a second."""
        elapsed_s = time.monotonic() - self._asked_at
        if not self._handles or elapsed_s < ASKED_EVERY_S:
            return
        self._asked_at += elapsed_s
        used = 0
        for handle in self._handles:
            busy, memory = _Utilization(), _Memory()
            if not self._nvml.nvmlDeviceGetUtilizationRates(handle, ctypes.byref(busy)):
                self._busy_s += elapsed_s * busy.gpu / 100
            if not self._nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)):
                used += memory.used
        self._peak_memory = max(self._peak_memory, used)

    @property
    def busy_s(self) -> float | None:
        """GPU utilisation over time, in seconds; None where there is no GPU."""
        return self._busy_s if self._handles else None

    @property
    def peak_memory_bytes(self) -> int | None:
        """The most that all of them held together; None where there is no GPU."""
        return self._peak_memory if self._handles else None
