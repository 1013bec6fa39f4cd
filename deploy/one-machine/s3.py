"""A stand-in for a server that speaks S3: moto's, with a journal, so that it holds after a kill what it had before.

    python s3.py PORT BUCKET JOURNAL

It serves this machine alone and believes whatever key it is shown: for trying out and for tests, never for a service.
What was sent is in the journal before it is answered; at each start the journal is read, written anew without what was
removed since, and the bucket made where there is none.
"""

import base64
import json
import os
import sys
from pathlib import Path

PORT, BUCKET, JOURNAL = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
# Both are read when moto is imported.
os.environ["MOTO_RECORDER_FILEPATH"] = str(JOURNAL)
os.environ["MOTO_PORT"] = str(PORT)

from moto.moto_api import recorder  # noqa: E402
from moto.server import DomainDispatcherApplication, MotoRequestHandler, create_backend_app  # noqa: E402
from werkzeug.serving import run_simple  # noqa: E402
from werkzeug.test import Client  # noqa: E402


def kept(journal: Path) -> list[str]:
    """The lines that still say something: the last one of each address, unless it removes it; a last line that a kill
    cut short was never answered."""
    last: dict[str, str] = {}
    for line in journal.read_text().splitlines() if journal.exists() else []:
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        if entry["method"] in ("PUT", "DELETE"):
            # In the order in which they were sent.
            last.pop(entry["url"], None)
            if entry["method"] == "PUT":
                last[entry["url"]] = line
    return list(last.values())


def main() -> None:
    lines = kept(JOURNAL)
    part = JOURNAL.with_suffix(".part")
    part.write_text("".join(f"{line}\n" for line in lines))
    part.replace(JOURNAL)
    app = DomainDispatcherApplication(create_backend_app)
    client = Client(app)
    here = f"http://127.0.0.1:{PORT}"
    client.put(f"/{BUCKET}", base_url=here)
    for line in lines:
        entry = json.loads(line)
        body = base64.b64decode(entry["body"]) if entry["body_encoded"] else entry["body"]
        headers = {name: value for name, value in entry["headers"].items() if name.lower() != "content-length"}
        path = entry["url"].split(f":{PORT}", 1)[-1]
        client.put(path, base_url=here, data=body, headers=headers)
    recorder.start_recording()
    run_simple("127.0.0.1", PORT, app, threaded=True, request_handler=MotoRequestHandler)


main()
