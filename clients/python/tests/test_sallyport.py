"""Run with `python3 -m unittest discover tests`, or with pytest."""

import base64
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from urllib.parse import urlsplit

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "src"))

import sallyport  # noqa: E402

os.environ.setdefault("SALLYPORT", str(here.parents[2] / "bin" / "sallyport"))
missing = not shutil.which(os.environ["SALLYPORT"]) and os.environ.get("CI") != "true"
without_pytest = not importlib.util.find_spec("pytest") and os.environ.get("CI") != "true"


def ask(url, text):
    """Sends one message and returns the first that comes back. The standard library has no WebSocket client."""
    to = urlsplit(url)
    with socket.create_connection((to.hostname, to.port), 60) as s:
        key = base64.b64encode(os.urandom(16)).decode()
        s.sendall((f"GET {to.path} HTTP/1.1\r\nHost: {to.netloc}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                   f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n").encode())
        stream = s.makefile("rb")
        status = stream.readline()
        assert b" 101 " in status, status
        while stream.readline().strip():
            pass
        payload = text.encode()
        s.sendall(bytes([0x81, 0x80 | len(payload), 0, 0, 0, 0]) + payload)
        size = stream.read(2)[1]
        return stream.read(size).decode()


@unittest.skipIf(missing, "bin/sallyport is not built: make build")
class Test(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = sallyport.start(here / "template.yaml", parameters={"Greeting": "moin"}, timeout=180)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def test_message(self):
        self.assertEqual(ask(self.server.url(), '{"action":"greet","name":"ann"}'), "moin ann")
        self.assertEqual(ask(self.server.url("echo"), '{"action":"greet","name":"bob"}'), "moin bob")
        self.assertTrue(self.server.wait_for_log("bob", 60).startswith("got {"))
        with self.assertRaisesRegex(sallyport.SallyportError, "there is no API other"):
            self.server.url("other")

    def test_config(self):
        self.assertRegex(self.server.boto3["endpoint_url"], r"^http://127\.0\.0\.1:\d+$")
        self.assertEqual(self.server.region, "us-east-1")
        self.assertTrue(self.server.env["AWS_SECRET_ACCESS_KEY"])
        self.assertRegex(self.server.outputs["URL"], "^wss://.*/prod$")

    def test_boto3(self):
        try:
            import boto3
        except ImportError:
            self.skipTest("boto3 is not installed")
        names = [f["FunctionName"] for f in boto3.client("lambda", **self.server.boto3).list_functions()["Functions"]]
        self.assertEqual(len(names), 1)

    def test_failures(self):
        with self.assertRaisesRegex(sallyport.SallyportError, "none.yaml does not exist"):
            sallyport.start(here / "none.yaml")
        with self.assertRaisesRegex(sallyport.SallyportError, "is not installed; set SALLYPORT"):
            sallyport.start(binary="/nowhere/sallyport")

    def test_stop(self):
        with sallyport.start(here / "template.yaml", timeout=180) as other:
            to = urlsplit(other.endpoint)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection((to.hostname, to.port))

    @unittest.skipIf(without_pytest, "pytest is not installed")
    def test_shared_servers(self):
        from sallyport.pytest_plugin import Servers
        servers = Servers()
        one, again = servers.get(here / "template.yaml"), servers.get(str(here / "template.yaml"))
        self.assertIs(one, again)
        self.assertEqual(ask(one.url(), '{"action":"greet","name":"ann"}'), "hello ann")
        servers.stop()
        with self.assertRaises(OSError):
            ask(one.url(), "x")

    @unittest.skipIf(without_pytest, "pytest is not installed")
    def test_fixture(self):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "test_it.py").write_text(
                "import pytest\n"
                f"@pytest.mark.sallyport(template={str(here / 'template.yaml')!r})\n"
                "def test_url(sallyport):\n    assert sallyport.url().endswith('/prod')\n"
                f"@pytest.mark.sallyport(template={str(here / 'template.yaml')!r})\n"
                "def test_shared(sallyport, sallyport_servers):\n    assert len(sallyport_servers._servers) == 1\n"
            )
            out = subprocess.run(
                [sys.executable, "-m", "pytest", "-q", "-p", "sallyport.pytest_plugin", folder], cwd=folder, capture_output=True, text=True,
                env={**os.environ, "PYTHONPATH": str(here.parent / "src"), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            )
            self.assertEqual(out.returncode, 0, out.stdout + out.stderr)


if __name__ == "__main__":
    unittest.main()
