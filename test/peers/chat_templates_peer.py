"""Renders chat templates as transformers does.

chat_templates_peer.py CASES    CASES: JSON list of {template, messages, tools?, prompt, bos, eos}; prints, for each, the text
and the ranges that generation tags enclose, or the error.
"""
import json
import sys

from transformers.utils.chat_template_utils import render_jinja_template


def render(case):
    try:
        texts, ranges = render_jinja_template(
            conversations=[case["messages"]],
            tools=case.get("tools"),
            chat_template=case["template"],
            add_generation_prompt=case["prompt"],
            return_assistant_tokens_mask="generation" in case["template"],
            bos_token=case["bos"],
            eos_token=case["eos"],
        )
        return {"text": texts[0], "ranges": ranges[0] if ranges else None}
    except Exception as error:  # The library raises whatever the template does.
        return {"error": str(error)}


with open(sys.argv[1], encoding="utf-8") as file:
    print(json.dumps([render(case) for case in json.load(file)]))
