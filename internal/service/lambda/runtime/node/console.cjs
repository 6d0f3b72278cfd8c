// console.* writes Lambda's log lines. A line goes out as a frame on standard output: four bytes that no text contains,
// the length, the text. worker/logs.go reads them.
'use strict';

const fs = require('fs');
const { format } = require('util');

const MAGIC = 0xff4c4701;
const json = process.env.AWS_LAMBDA_LOG_FORMAT === 'JSON';
const LEVELS = { TRACE: 1, DEBUG: 2, INFO: 3, WARN: 4, ERROR: 5, FATAL: 6 };
const threshold = json ? LEVELS[(process.env.AWS_LAMBDA_LOG_LEVEL || 'INFO').toUpperCase()] || 3 : 0;

let id; // of the request that is being handled
exports.request = (requestID) => { id = requestID; };

// line writes one event. The pipe may be full, or another part of the program may have made it non-blocking.
function line(text) {
  const n = Buffer.byteLength(text);
  const b = Buffer.allocUnsafe(n + 8);
  b.writeUInt32BE(MAGIC, 0);
  b.writeUInt32BE(n, 4);
  b.write(text, 8);
  for (let at = 0; at < b.length;) {
    try {
      at += fs.writeSync(1, b, at);
    } catch (err) {
      if (err.code !== 'EAGAIN') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
exports.line = line;

function members(err) {
  return { errorType: err.name || 'UnknownError', errorMessage: err.message, stackTrace: typeof err.stack === 'string' ? err.stack.split('\n') : err.stack };
}

function writeJSON(level, args) {
  const out = { timestamp: new Date().toISOString(), level };
  if (id !== undefined) out.requestId = id;
  if (args.length === 1 && typeof args[0] !== 'string') {
    out.message = args[0];
  } else {
    out.message = format(...args);
  }
  for (const a of args) {
    if (a instanceof Error) {
      if (args.length > 1) Object.assign(out, members(a));
      break;
    }
  }
  try {
    line(JSON.stringify(out, (_, v) => (v instanceof Error ? members(v) : v)));
  } catch (e) {
    out.message = format(...args);
    line(JSON.stringify(out));
  }
}

function write(level, args) {
  if (LEVELS[level] < threshold) return;
  if (json) return writeJSON(level, args);
  line(new Date().toISOString() + '\t' + id + '\t' + level + '\t' + format(...args));
}

exports.error = (title, formatted) => {
  if (!json) return write('ERROR', [title, formatted]);
  const { stack, ...rest } = JSON.parse(formatted) || {};
  line(JSON.stringify({ timestamp: new Date().toISOString(), level: 'ERROR', requestId: id, message: { ...rest, stackTrace: stack } }));
};

// blocking lets writes to a stream wait for us to read, as on AWS: what a function has written is out when it answers.
function blocking(name) {
  const d = Object.getOwnPropertyDescriptor(process, name);
  if (!d || !d.get || !d.configurable) return;
  Object.defineProperty(process, name, {
    ...d,
    get() { // not before it is used: making the stream takes time
      const stream = d.get.call(process);
      if (stream && stream._handle && stream._handle.setBlocking) stream._handle.setBlocking(true);
      Object.defineProperty(process, name, d);
      return stream;
    },
  });
}

exports.patch = () => {
  blocking('stdout');
  blocking('stderr');
  console.log = (...a) => write('INFO', a);
  console.info = (...a) => write('INFO', a);
  console.debug = (...a) => write('DEBUG', a);
  console.warn = (...a) => write('WARN', a);
  console.error = (...a) => write('ERROR', a);
  console.trace = (...a) => write('TRACE', a);
};
