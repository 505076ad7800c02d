"""What lm-eval says of a model that a server answers with, and of the same weights by its own backend.

Arguments: REQUEST      JSON: {url, model, tasks, maxLength, cases: {NAME: ADAPTER or null}}
    url: of the completions route; model: folder in Hugging Face's format; tasks: folder of task files
    cases: by the name that the server knows, the folder of a PEFT adapter
Prints {NAME: {"served": ..., "own": ...}}, each {TASK: {"metrics": {...}, "answers": [...]}}, where
an answer is what the backend gave for each document: [loglik, is greedy] of each choice, a loglik, or
a text.
"""

import contextlib
import json
import sys

from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.models.openai_completions import LocalCompletionsAPI
from lm_eval.tasks import TaskManager

request = json.loads(sys.argv[1])
manager = TaskManager(include_path=request["tasks"], include_defaults=False)


def judged(model):
    found = simple_evaluate(
        model=model, tasks=manager.all_tasks, task_manager=manager, bootstrap_iters=0
    )
    return {
        task: {
            "metrics": {
                name.split(",")[0]: value
                for name, value in metrics.items()
                if name.endswith(",none") and "stderr" not in name
            },
            "answers": [
                sample["filtered_resps"]
                for sample in sorted(found["samples"][task], key=lambda one: one["doc_id"])
            ],
        }
        for task, metrics in found["results"].items()
    }


def served(name):
    return LocalCompletionsAPI(
        model=name,
        base_url=request["url"],
        tokenizer=request["model"],
        tokenizer_backend="huggingface",
        max_length=request["maxLength"],
        batch_size=4,
    )


def own(adapter):
    return HFLM(
        pretrained=request["model"],
        peft=adapter,
        dtype="float32",
        device="cpu",
        batch_size=1,
        max_length=request["maxLength"],
    )


with contextlib.redirect_stdout(sys.stderr):
    results = {
        name: {"served": judged(served(name)), "own": judged(own(adapter))}
        for name, adapter in request["cases"].items()
    }
print(json.dumps(results))
