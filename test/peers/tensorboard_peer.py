"""What TensorBoard's own reader finds in the folders that are named: tags, and for each scalar its steps and values."""

import json
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util import tensor_util


def read(folder):
    accumulator = EventAccumulator(folder, size_guidance={"scalars": 0, "tensors": 0})
    accumulator.Reload()
    tags = accumulator.Tags()
    scalars = {
        tag: [[event.step, event.value, event.wall_time] for event in accumulator.Scalars(tag)]
        for tag in tags["scalars"]
    }
    texts = {}
    for tag in tags["tensors"]:
        plugin = accumulator.SummaryMetadata(tag).plugin_data.plugin_name
        values = [
            [event.step, tensor_util.make_ndarray(event.tensor_proto).flatten().tolist()[0].decode()]
            for event in accumulator.Tensors(tag)
        ]
        texts[tag] = {"plugin": plugin, "values": values}
    return {"scalars": scalars, "texts": texts}


print(json.dumps({folder: read(folder) for folder in sys.argv[1:]}))
