// The Node.js bootstrap of Sallyport: it loads the handler that _HANDLER names, asks for requests over descriptor 3,
// and calls the handler as AWS Lambda's runtime does. Log lines of console.* go to standard output as frames, so that
// a message of several lines stays one event.
//
// The files: loader.cjs finds the handler, console.cjs patches console, names.cjs leads AWS's host names to Sallyport,
// stream.cjs is awslambda.streamifyResponse, errors.cjs writes errors as Lambda does.
'use strict';

const fs = require('fs');
const net = require('net');
const errors = require('./errors.cjs');
const log = require('./console.cjs');
const names = require('./names.cjs');
const stream = require('./stream.cjs');
const loader = require('./loader.cjs');

const env = process.env;
const taskRoot = env.LAMBDA_TASK_ROOT;
names.patch(env.SALLYPORT_NAMES, env.SALLYPORT_EDGE);
delete env.SALLYPORT_NAMES;
delete env.SALLYPORT_EDGE;
log.patch();
stream.install();
errors.hide([[taskRoot, '/var/task'], [fs.realpathSync(taskRoot), '/var/task'], [__dirname, '/var/runtime']]);

// Kinds of frames; worker/frames.go has the same list.
const READY = 1, RESPONSE = 2, ERROR = 3, INIT_ERROR = 4, FATAL = 5;

const socket = new net.Socket({ fd: 3, readable: true, writable: true });
socket.on('error', () => process.exit(1));
socket.on('close', () => process.exit(0)); // the server is gone
socket.pause();

// send writes one frame: its length, its kind, its payload.
function send(kind, body, done) {
  const n = Buffer.byteLength(body);
  const b = Buffer.allocUnsafe(n + 5);
  b.writeUInt32BE(n + 1, 0);
  b[4] = kind;
  if (typeof body === 'string') b.write(body, 5);
  else body.copy(b, 5);
  socket.write(b, done);
}

// Only one of: the request that is being handled.
let current = null;
let handler = null;

// receive collects bytes until a frame is whole: length, length of the head, head, event.
let chunks = [], have = 0, need = 0;
function receive(d) {
  chunks.push(d);
  have += d.length;
  if (need === 0) {
    if (have < 4) return;
    if (chunks.length > 1) chunks = [Buffer.concat(chunks)];
    need = chunks[0].readUInt32BE(0) + 4;
  }
  if (have < need) return;
  const b = chunks.length > 1 ? Buffer.concat(chunks) : chunks[0];
  chunks = [];
  have = need = 0;
  const n = b.readUInt16BE(4);
  invoke(JSON.parse(b.toString('utf8', 6, 6 + n)), b.toString('utf8', 6 + n));
}

// While a handler runs, the socket does not keep the event loop alive: an empty loop ends a callback-style request.
function finish(req, kind, body) {
  if (current !== req) return; // answered before
  current = null;
  socket.ref();
  send(kind, body);
}

function succeed(req, result) {
  let text;
  try {
    text = JSON.stringify(result === undefined ? null : result);
  } catch (err) {
    return fail(req, new Error('Unable to stringify response body'));
  }
  finish(req, RESPONSE, text === undefined ? 'null' : text);
}

function fail(req, err) {
  if (current !== req) return;
  log.error('Invoke Error', errors.formatted(err));
  finish(req, ERROR, errors.payload(err));
}

process.on('beforeExit', () => {
  if (!current) return;
  const req = current;
  if (req.outcome) return req.outcome();
  // Nothing is left that could settle the promise or call back. AWS: only an async function is blamed for it.
  if (handler.constructor.name === 'AsyncFunction') fail(req, new errors.NodeJsExit());
  else succeed(req, null);
});

// die reports an error that nothing caught, and ends the process.
function die(title, code, err) {
  log.error(title, errors.formatted(err));
  const text = errors.payload(err);
  const bye = () => process.exit(code);
  if (current) {
    current = null;
    send(FATAL, text, bye);
  } else if (!handler) {
    send(INIT_ERROR, text, bye);
  } else {
    bye();
  }
}
process.on('uncaughtException', (err) => die('Uncaught Exception', 129, err));
process.on('unhandledRejection', (reason) => die('Unhandled Promise Rejection', 128, new errors.UnhandledPromiseRejection(reason)));

function parsed(text) {
  return text ? JSON.parse(text) : undefined;
}

function contextOf(head) {
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: parsed(head.client),
    identity: parsed(head.identity),
    invokedFunctionArn: head.arn,
    awsRequestId: head.id,
    getRemainingTimeInMillis: () => head.deadline - Date.now(),
  };
}

const callbacks = !loader.newerThan(env.AWS_EXECUTION_ENV, 24);

// addCallbacks gives the context its old ways to end a request, and returns the handler's third argument.
function addCallbacks(req, context) {
  const callback = (err, result) => {
    if (current !== req || req.outcome) return;
    req.outcome = () => (err !== undefined && err !== null ? fail(req, err) : succeed(req, result));
    if (!context.callbackWaitsForEmptyEventLoop) req.outcome();
    // Otherwise beforeExit calls it, once the event loop is empty.
  };
  const done = (err, result) => {
    context.callbackWaitsForEmptyEventLoop = false;
    callback(err, result);
  };
  context.done = done;
  context.succeed = (result) => done(null, result);
  context.fail = (err) => done(err === undefined || err === null ? 'handled' : err);
  return callback;
}

function invoke(head, text) {
  const req = { outcome: null };
  current = req;
  socket.unref();
  log.request(head.id, head.tenant);
  if (head.trace) env._X_AMZN_TRACE_ID = head.trace;
  else delete env._X_AMZN_TRACE_ID;
  const context = contextOf(head);
  try {
    const event = JSON.parse(text);
    if (handler[stream.marker]) {
      stream.call(handler, event, context, (body) => finish(req, RESPONSE, body), (err) => fail(req, err));
      return;
    }
    const result = callbacks ? handler(event, context, addCallbacks(req, context)) : handler(event, context);
    if (result && typeof result.then === 'function') {
      // AWS: the first end counts, so that a handler that is async and calls back answers what it called back with.
      result.then((value) => req.outcome || succeed(req, value), (err) => req.outcome || fail(req, err));
    } else if (!callbacks) {
      succeed(req, result);
    }
  } catch (err) {
    fail(req, err);
  }
}

(async () => {
  try {
    handler = await loader.load(taskRoot, env._HANDLER);
    if (!callbacks && handler.length >= 3 && !handler[stream.marker]) throw new errors.CallbackHandlerDeprecated();
  } catch (err) {
    handler = null;
    const hint = loader.hint(err);
    if (hint) log.line(hint);
    return die('Uncaught Exception', 1, err);
  }
  socket.on('data', receive);
  socket.resume();
  send(READY, '');
})();
