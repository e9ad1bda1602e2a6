"""Ask Metal itself about the default GPU; prints JSON. Started as a program of its own: a crash in there stays there.

Sources: Apple, Metal: ``MTLCreateSystemDefaultDevice``, ``MTLDevice`` (``recommendedMaxWorkingSetSize``,
``hasUnifiedMemory``, ``supportsFamily:``), ``MTLGPUFamily``; Apple, Objective-C runtime: ``objc_msgSend``.
"""

from __future__ import annotations

import ctypes
import json
import sys
from typing import Any

_FRAMEWORKS = "/System/Library/Frameworks"
#: ``MTLGPUFamily``: Apple's own GPUs from Apple1 (1001) on, what every GPU of Metal 3 or 4 can do.
_FAMILIES = {**{f"apple{n}": 1000 + n for n in range(1, 16)}, "metal3": 5001, "metal4": 5002}


def main() -> None:
    """Print ``null`` when there is no GPU for Metal."""
    # A command line program gets a default GPU only with Core Graphics beside Metal.
    ctypes.CDLL(f"{_FRAMEWORKS}/CoreGraphics.framework/CoreGraphics")
    metal = ctypes.CDLL(f"{_FRAMEWORKS}/Metal.framework/Metal")
    objc = ctypes.CDLL("/usr/lib/libobjc.A.dylib")
    objc.sel_registerName.restype = ctypes.c_void_p
    objc.sel_registerName.argtypes = [ctypes.c_char_p]
    metal.MTLCreateSystemDefaultDevice.restype = ctypes.c_void_p
    device = metal.MTLCreateSystemDefaultDevice()

    def send(target: int, message: bytes, result: Any, *arguments: Any) -> Any:
        # Each message has a signature of its own, which the call has to have too.
        types = [type(argument) for argument in arguments]
        call = ctypes.CFUNCTYPE(result, ctypes.c_void_p, ctypes.c_void_p, *types)(("objc_msgSend", objc))
        return call(target, objc.sel_registerName(message), *arguments)

    if not device:
        sys.stdout.write("null\n")
        return
    name = send(send(device, b"name", ctypes.c_void_p), b"UTF8String", ctypes.c_char_p)
    families = [
        family
        for family, number in _FAMILIES.items()
        if send(device, b"supportsFamily:", ctypes.c_bool, ctypes.c_long(number))
    ]
    found = {
        "name": name.decode("utf-8", "replace") if name else "",
        "recommendedMaxWorkingSetSize": send(device, b"recommendedMaxWorkingSetSize", ctypes.c_uint64),
        "hasUnifiedMemory": send(device, b"hasUnifiedMemory", ctypes.c_bool),
        "families": families,
    }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
