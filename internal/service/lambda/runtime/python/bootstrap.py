"""The Python bootstrap of Sallyport.

It loads the handler that _HANDLER names, asks for requests over descriptor 3, and calls the handler as AWS Lambda's
runtime does. Log events go to standard output as frames, so that a message of several lines stays one event; what the
function prints goes out as it is.
"""

import datetime
import importlib
import json
import logging
import os
import socket
import struct
import sys
import threading
import time
import traceback

# Kinds of frames; worker/frames.go has the same list.
READY, RESPONSE, ERROR, INIT_ERROR = 1, 2, 3, 4

MAGIC = 0xFF4C4701  # begins a log event; worker/logs.go reads it

task_root = os.environ["LAMBDA_TASK_ROOT"]
json_logs = os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
ascii_only = tuple(map(int, os.environ.get("AWS_EXECUTION_ENV", "").rpartition("python")[2].split(".") or [0])) < (3, 12) \
    if "python" in os.environ.get("AWS_EXECUTION_ENV", "") else True

os.set_inheritable(3, False)
channel = socket.socket(fileno=3)


def send(kind, body=b""):
    channel.sendall(struct.pack(">IB", len(body) + 1, kind) + body)


def receive(n):
    """Read exactly n bytes; the end of the stream is the end of the server, and ours."""
    data = bytearray(n)
    view, at = memoryview(data), 0
    while at < n:
        got = channel.recv_into(view[at:])
        if got == 0:
            os._exit(0)
        at += got
    return data


log_lock = threading.Lock()


def log_event(text):
    body = text.encode("utf-8", "backslashreplace")
    frame = struct.pack(">II", MAGIC, len(body)) + body
    with log_lock:
        try:
            sys.stdout.flush()
        except Exception:
            pass
        while frame:
            try:
                frame = frame[os.write(1, frame):]
            except BlockingIOError:
                time.sleep(0.001)


def now():
    return datetime.datetime.fromtimestamp(time.time(), datetime.timezone.utc)


def as_aws(text):
    """Paths as they are on AWS."""
    return text.replace(task_root + "/", "/var/task/")


class Request:
    """The request that is being handled; its id appears in log lines."""
    id = ""


class LogFilter(logging.Filter):
    def filter(self, record):
        record.aws_request_id = Request.id
        return True


class LogHandler(logging.Handler):
    def emit(self, record):
        try:
            log_event(self.format(record))
        except Exception:
            self.handleError(record)


class TextFormatter(logging.Formatter):
    converter = time.gmtime

    def __init__(self):
        super().__init__("[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s", "%Y-%m-%dT%H:%M:%S")


STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "aws_request_id"}


class JSONFormatter(logging.Formatter):
    def format(self, record):
        out = {
            "timestamp": datetime.datetime.fromtimestamp(record.created, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info and record.exc_info[0]:
            out["stackTrace"] = traceback.format_tb(record.exc_info[2])
            out["errorType"] = record.exc_info[0].__name__
            out["errorMessage"] = str(record.exc_info[1])
            out["location"] = "%s:%s:%d" % (record.pathname, record.funcName, record.lineno)
        out.update((k, v) for k, v in vars(record).items() if k not in STANDARD)
        if record.aws_request_id:
            out["requestId"] = record.aws_request_id
        return json.dumps(out, default=str, ensure_ascii=False)


def set_up_logging():
    handler = LogHandler()
    handler.setFormatter(JSONFormatter() if json_logs else TextFormatter())
    handler.addFilter(LogFilter())
    root = logging.getLogger()
    root.addHandler(handler)
    if json_logs:
        level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "INFO").upper()
        root.setLevel({"TRACE": "DEBUG", "FATAL": "CRITICAL"}.get(level, level))


def error_body(message, kind, stack, request_id):
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": stack}


def log_error(error):
    """Write an error as Lambda's log shows it: one event."""
    if json_logs:
        out = {"timestamp": now().strftime("%Y-%m-%dT%H:%M:%SZ"), "log_level": "ERROR"}
        out.update(error)
        log_event(json.dumps(out, ensure_ascii=False))
        return
    lines = ["[ERROR] %s: %s" % (error["errorType"], error["errorMessage"])]
    if error["stackTrace"]:
        lines.append("Traceback (most recent call last):")
        for element in error["stackTrace"]:
            for line in element.splitlines():
                text = line.lstrip(" ")
                # AWS: leading blanks are non-breaking ones, so that the console keeps them.
                lines.append("\u00a0" * (len(line) - len(text)) + text)
    log_event("\n".join(lines))


def stack_of(tb):
    """The frames below our own, in the form of old tracebacks, without markers below the code."""
    frames = [(f.filename, f.lineno, f.name, f.line) for f in traceback.extract_tb(tb) if f.filename != __file__]
    return traceback.format_list(frames)


class Fault(Exception):
    """A function that cannot be loaded."""

    def __init__(self, kind, message, stack=()):
        super().__init__(message)
        self.kind, self.message, self.stack = kind, message, list(stack)


def load(name):
    try:
        module_name, function_name = name.rsplit(".", 1)
    except ValueError as e:
        raise Fault("Runtime.MalformedHandlerName", "Bad handler '%s': %s" % (name, e))
    module_name = module_name.replace("/", ".")
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % name)
    try:
        module = importlib.import_module(module_name)
    except ImportError as e:
        raise Fault("Runtime.ImportModuleError", "Unable to import module '%s': %s" % (module_name, e))
    except SyntaxError as e:
        stack = ['  File "%s" Line %s\n    %s\n' % (e.filename, e.lineno, (e.text or "").rstrip())]
        raise Fault("Runtime.UserCodeSyntaxError", "Syntax error in module '%s': %s" % (module_name, e), stack)
    function = getattr(module, function_name, None)
    if function is None:
        raise Fault("Runtime.HandlerNotFound", "Handler '%s' missing on module '%s'" % (function_name, module_name))
    return function


class CognitoIdentity:
    __slots__ = ["cognito_identity_id", "cognito_identity_pool_id"]

    def __init__(self, data):
        self.cognito_identity_id = data.get("cognitoIdentityId")
        self.cognito_identity_pool_id = data.get("cognitoIdentityPoolId")

    def __repr__(self):
        return "CognitoIdentity([cognito_identity_id=%s,cognito_identity_pool_id=%s])" % (
            self.cognito_identity_id, self.cognito_identity_pool_id)


class Client:
    __slots__ = ["installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name"]

    def __init__(self, data):
        for name in self.__slots__:
            setattr(self, name, data.get(name))


class ClientContext:
    __slots__ = ["custom", "env", "client"]

    def __init__(self, data):
        self.custom = data.get("custom")
        self.env = data.get("env")
        self.client = Client(data["client"]) if data.get("client") else None


class LambdaContext:
    def __init__(self, head):
        env = os.environ
        self.aws_request_id = head["id"]
        self.log_group_name = env.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = env.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = env.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = env.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = env.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = head["arn"]
        self.client_context = ClientContext(json.loads(head["client"])) if head.get("client") else None
        self.identity = CognitoIdentity(json.loads(head["identity"]) if head.get("identity") else {})
        self._epoch_deadline_time_in_ms = head["deadline"]

    def get_remaining_time_in_millis(self):
        return max(self._epoch_deadline_time_in_ms - int(time.time() * 1000), 0)

    def log(self, msg):
        log_event(msg if isinstance(msg, str) else str(msg))

    def __repr__(self):
        return "LambdaContext([%s])" % ",".join("%s=%s" % (k, v) for k, v in vars(self).items() if not k.startswith("_"))


def call(handler, head, event):
    try:
        try:
            event = json.loads(event)
        except Exception as e:
            raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % e)
        result = handler(event, LambdaContext(head))
        try:
            body = json.dumps(result, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        except Exception as e:
            raise Fault("Runtime.MarshalError", "Unable to marshal response: %s" % e)
        return RESPONSE, body
    except Fault as f:
        error = error_body(f.message, f.kind, f.stack, head["id"])
    except Exception as e:
        error = error_body(str(e), type(e).__name__, stack_of(e.__traceback__), head["id"])
    log_error(error)
    return ERROR, as_aws(json.dumps(error)).encode()


def init_failed(error):
    log_error(error)
    sys.stdout.flush()
    send(INIT_ERROR, as_aws(json.dumps(error)).encode())
    os._exit(1)


def main():
    env = os.environ
    sys.path[0] = task_root
    for i, layer in enumerate(p for p in env.pop("SALLYPORT_LAYERS", "").split(":") if p):
        sys.path.insert(i + 1, layer)
    sys.path.extend(p for p in env.pop("SALLYPORT_MODULES", "").split(":") if p)
    sys.stdout.reconfigure(line_buffering=True)
    set_up_logging()
    try:
        handler = load(env["_HANDLER"])
    except Fault as f:
        init_failed(error_body(f.message, f.kind, f.stack, ""))
    except Exception as e:
        init_failed(error_body(str(e), type(e).__name__, stack_of(e.__traceback__), ""))
    sys.stdout.flush()
    send(READY)
    while True:
        size, head_size = struct.unpack(">IH", receive(6))
        head = json.loads(receive(head_size))
        event = receive(size - 2 - head_size)
        Request.id = head["id"]
        if head.get("trace"):
            env["_X_AMZN_TRACE_ID"] = head["trace"]
        else:
            env.pop("_X_AMZN_TRACE_ID", None)
        kind, body = call(handler, head, event)
        sys.stdout.flush()
        sys.stderr.flush()
        send(kind, body)


main()
