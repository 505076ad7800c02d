"""Speaks the sounds of a request by the library of espeak-ng, to files of samples of 16 bits."""
import ctypes
import json
import sys

SYNCHRONOUS = 2
RATE, PITCH = 1, 3
UTF8 = 1

request = json.load(open(sys.argv[1]))
library = ctypes.CDLL(request["folder"] + "/libespeak-ng.so")
rate = library.espeak_Initialize(SYNCHRONOUS, 0, request["folder"].encode(), 0)
if rate != request["rate"]:
    sys.exit(f"espeak-ng has {rate} samples a second; {request['rate']} were expected")

heard = bytearray()


@ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
def hear(samples, count, _events):
    if samples and count > 0:
        heard.extend(ctypes.string_at(samples, 2 * count))
    return 0


library.espeak_SetSynthCallback(hear)
for sound in request["sounds"]:
    heard.clear()
    if library.espeak_SetVoiceByName(sound["voice"].encode()) != 0:
        sys.exit(f"espeak-ng has no voice {sound['voice']}")
    library.espeak_SetParameter(RATE, sound["speed"], 0)
    library.espeak_SetParameter(PITCH, sound["pitch"], 0)
    text = sound["text"].encode() + b"\0"
    library.espeak_Synth(text, len(text), 0, 0, 0, UTF8, None, None)
    library.espeak_Synchronize()
    with open(sound["file"], "wb") as file:
        file.write(heard)
