"""Steps of a peer of `npm run bench`, timed; what both peers that train by hand write as their answer."""

import json
import resource
import time

import torch


def processor_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def report(request, trained, optimizer, loss_of):
    """Runs request["steps"] over request["batches"] and prints one JSON line: the loss, wall seconds and processor seconds of each
    step, and the peak resident memory of the process in bytes. `loss_of(batch)` is the loss of one batch."""
    steps = []
    for step in range(request["steps"]):
        batch = request["batches"][step % len(request["batches"])]
        wall, processor = time.perf_counter(), processor_seconds()
        loss = loss_of(batch)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained, request["clip"] or float("inf"))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        steps.append(
            {
                "loss": loss.item(),
                "norm": float(norm),
                "wall": time.perf_counter() - wall,
                "processor": processor_seconds() - processor,
            }
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"steps": steps, "peak": peak, "trained": sum(p.numel() for p in trained)}))
