"""Runs the scripts beside this file in forks of one process that has imported what they share, which takes longer than most of them.

Arguments: SOCKET. Prints a line when it listens, and ends with its standard input. A connection brings one line of JSON,
{"args": [script, ...], "env": {...}, "out": file, "err": file}, and gets the exit code back. A script whose asker goes away ends.
"""

import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import traceback

import numpy  # noqa: F401
import peft  # noqa: F401
import safetensors.torch  # noqa: F401
import torch  # noqa: F401
import transformers  # noqa: F401
from peft import PeftModel  # noqa: F401
from transformers import AutoModelForCausalLM  # noqa: F401


def open_as(number, path):
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(file, number)
    os.close(file)


def ends_with(asker):
    while asker.recv(1):
        pass
    os._exit(1)


def run(asker):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    asked = json.loads(asker.makefile("rb").readline())
    open_as(1, asked["out"])
    open_as(2, asked["err"])
    os.environ.update(asked["env"])
    sys.argv = asked["args"]
    sys.path[0] = os.path.dirname(sys.argv[0])
    threading.Thread(target=ends_with, args=(asker,), daemon=True).start()
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        if code == 1:
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    asker.sendall(str(code).encode())
    os._exit(0)


def wait_for_ended(*_):
    """Of all: the processor time of those that nobody waited for is not told."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    except ChildProcessError:
        pass


def main(path):
    signal.signal(signal.SIGCHLD, wait_for_ended)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)
    ready = selectors.DefaultSelector()
    ready.register(listener, selectors.EVENT_READ)
    ready.register(sys.stdin, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in ready.select():
            if key.fileobj is sys.stdin:
                return
            asker, _ = listener.accept()
            if os.fork() == 0:
                ready.close()
                listener.close()
                run(asker)
            asker.close()


main(sys.argv[1])
