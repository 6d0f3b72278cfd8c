// awslambda.streamifyResponse: the stream is collected, and answered when it ends.
'use strict';

const { Writable } = require('stream');

const marker = Symbol.for('aws.lambda.runtime.handler.streaming');
exports.marker = marker;

class ResponseStream extends Writable {
  constructor() {
    super({ highWaterMark: 65536 });
    this.chunks = [];
  }

  setContentType(type) { this.contentType = type; }

  _write(chunk, encoding, done) {
    this.chunks.push(Buffer.from(chunk, encoding));
    done();
  }
}

const HttpResponseStream = {
  // from writes the metadata before the body: JSON and eight zero bytes.
  from(stream, prelude) {
    stream.setContentType('application/vnd.awslambda.http-integration-response');
    stream.write(JSON.stringify(prelude));
    stream.write(Buffer.alloc(8));
    return stream;
  },
};

exports.install = () => {
  globalThis.awslambda = {
    streamifyResponse(handler, options) {
      handler[marker] = 'response';
      if (options && options.highWaterMark) handler[Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark')] = options.highWaterMark;
      return handler;
    },
    HttpResponseStream,
  };
};

exports.call = (handler, event, context, done, fail) => {
  const out = new ResponseStream();
  out.on('error', fail);
  out.on('finish', () => done(Buffer.concat(out.chunks)));
  Promise.resolve(handler(event, out, context)).then(() => { if (!out.writableEnded) out.end(); }, fail);
};
