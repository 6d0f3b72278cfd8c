"""Starts the sallyport binary with a template, and tells where it is."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

__all__ = ["Server", "SallyportError", "start"]


class SallyportError(Exception):
    """Why a server is not there, or not as it was asked for."""


def start(template=".", *, parameters=None, binary=None, data=None, timeout=60.0):
    """Starts a server and deploys a template. The result is a context manager that stops it."""
    return Server(template, parameters or {}, binary or os.environ.get("SALLYPORT") or "sallyport", data, timeout)


class Server:
    """A running server."""

    def __init__(self, template, parameters, binary, data, timeout):
        self._dir = tempfile.mkdtemp(prefix="sallyport-")
        self._lines = []
        self._changed = threading.Condition()  # guards _lines, _ready and _ended
        self._ready = self._ended = False
        file = Path(self._dir, "ready.json")
        args = [
            binary, "dev", os.fspath(template), "--port", "0", "--no-watch", "--output", "json",
            "--ready-file", os.fspath(file), "--data", os.fspath(data or Path(self._dir, "data")),
        ]
        for name, value in parameters.items():
            args += ["--parameter-overrides", f"{name}={value}"]
        self._errors = tempfile.TemporaryFile()
        try:
            self._process = subprocess.Popen(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._errors, text=True)
        except FileNotFoundError:
            self._clean()
            raise SallyportError(f"{binary} is not installed; set SALLYPORT to its path") from None
        atexit.register(self.stop)  # a test runner that was stopped leaves no server
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._ended, timeout)
            ready = self._ready
        if not ready:
            reason = "ended" if self._ended else f"was not ready after {timeout} s"
            self._process.kill()
            self._process.wait()
            self._errors.seek(0)
            text = self._errors.read().decode(errors="replace").strip()
            self.stop()
            raise SallyportError(f"sallyport {reason}\n{text}".strip())
        self._about = json.loads(file.read_text())

    def _read(self):
        """Takes in the server's output until it ends."""
        for line in self._process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            with self._changed:
                if event.get("type") == "ready":
                    self._ready = True
                elif event.get("type") == "log":
                    self._lines.append(event["message"])
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def url(self, api=None):
        """The address of an API's stage for WebSocket clients."""
        for a in self._about["apis"]:
            if api is None or api in (a["name"], a["apiId"]):
                return a["url"]
        raise SallyportError("the template has no API with a stage" if api is None else f"there is no API {api}")

    @property
    def endpoint(self):
        """The URL of the AWS APIs."""
        return self._about["endpoint"]

    @property
    def region(self):
        """The region that everything is in."""
        return self._about["region"]

    @property
    def outputs(self):
        """The outputs of the stack."""
        return self._about["outputs"]

    @property
    def boto3(self):
        """What boto3.client and boto3.resource are called with."""
        key = self._about["credentials"]
        return {
            "endpoint_url": self.endpoint, "region_name": self.region,
            "aws_access_key_id": key["accessKeyId"], "aws_secret_access_key": key["secretAccessKey"],
        }

    @property
    def env(self):
        """The same as environment variables, for programs."""
        key = self._about["credentials"]
        return {
            "AWS_ENDPOINT_URL": self.endpoint, "AWS_REGION": self.region, "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": key["accessKeyId"], "AWS_SECRET_ACCESS_KEY": key["secretAccessKey"], "AWS_SESSION_TOKEN": "",
        }

    def logs(self, text=""):
        """The lines that functions have written so far, those with a text in them."""
        with self._changed:
            return [line for line in self._lines if text in line]

    def wait_for_log(self, text, timeout=10.0):
        """Waits for a line with a text in it, and returns it."""
        def found():
            return next((line for line in self._lines if text in line), None)

        with self._changed:
            if not self._changed.wait_for(lambda: found() is not None or self._ended, timeout) or found() is None:
                raise SallyportError(f"no function has written {text!r} within {timeout} s")
            return found()

    def stop(self):
        """Stops the server and removes its data."""
        atexit.unregister(self.stop)
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process.stdout.close()
        self._clean()

    def _clean(self):
        self._errors.close()
        shutil.rmtree(self._dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
