# Downloads a repository from the hub double with the hub's own client: hub_snapshot.py ENDPOINT FOLDER NAME TOKEN.
# Prints what arrived, and which error the client makes of a refusal.
import hashlib
import json
import os
import sys

endpoint, folder, name, token = sys.argv[1:]
os.environ["HF_HUB_OFFLINE"] = "0"
os.environ["HF_HOME"] = folder

from huggingface_hub import HfApi, hf_hub_download, snapshot_download  # noqa: E402

api = HfApi(endpoint=endpoint, token=token)
path = snapshot_download(name, endpoint=endpoint, cache_dir=folder, token=token)


def refusal(**arguments):
    try:
        hf_hub_download(endpoint=endpoint, cache_dir=folder + "/empty", **arguments)
    except Exception as error:
        return type(error).__name__
    return "none"


print(
    json.dumps(
        {
            "commit": api.model_info(name).sha,
            "files": {
                file: hashlib.sha256(open(os.path.join(path, file), "rb").read()).hexdigest()
                for file in api.list_repo_files(name)
            },
            "lfs": {
                entry.path: entry.lfs.sha256
                for entry in api.list_repo_tree(name, recursive=True)
                if entry.lfs is not None
            },
            "refusals": {
                "entry": refusal(repo_id=name, filename="nothing.json", token=token),
                "revision": refusal(repo_id=name, filename="config.json", revision="nothing", token=token),
                "repository": refusal(repo_id="owner/nothing", filename="config.json", token=token),
                "gated": refusal(repo_id=name, filename="config.json", token=False),
            },
        }
    )
)
