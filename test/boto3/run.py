"""Runs the cases of the modules that it is given, in one process, and prints a line for each: "ok NAME" or "FAIL NAME: why".

A case is a function with a line of documentation, which is its name.
"""

import contextlib
import importlib
import io
import json
import os
import sys
import traceback

import boto3

sys.path.insert(0, os.path.dirname(__file__))


def client(name, **more):
    return boto3.client(name, **more)


@contextlib.contextmanager
def fails(code, text=""):
    """The block must end with an error of AWS's."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as e:
        got = e.response["Error"]
        assert got["Code"] == code and text in got["Message"], f"{got['Code']}: {got['Message']}, want {code}: {text}"
    else:
        raise AssertionError(f"no error, want {code}: {text}")


_driver = None


def aws(*args):
    """Runs a command of the AWS command line, in this process, and returns what it printed, parsed if it is JSON."""
    global _driver
    from awscli.clidriver import create_clidriver

    _driver = _driver or create_clidriver()
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = _driver.main([str(a) if not isinstance(a, (dict, list)) else json.dumps(a) for a in args])
    assert code == 0, f"aws {' '.join(map(str, args))} ended with {code}: {err.getvalue().strip()}"
    text = out.getvalue().strip()
    try:
        return json.loads(text)
    except ValueError:
        return text


def main():
    failed = False
    for name in sys.argv[1:]:
        module = importlib.import_module(name)
        for case in vars(module).copy().values():
            if not callable(case) or getattr(case, "__module__", "") != name or not case.__doc__:
                continue
            title = case.__doc__.strip().splitlines()[0].rstrip(".")
            try:
                case()
                print("ok", title, flush=True)
            except Exception:
                failed = True
                why = traceback.format_exc(limit=-2).strip().replace("\n", " | ")
                print(f"FAIL {title}: {why}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    sys.modules["run"] = sys.modules["__main__"]
    main()
