// How errors look in answers and in the log.
'use strict';

const { isNativeError } = require('util').types;

// Paths of this machine, and what stands for them in answers.
let hidden = [];
exports.hide = (pairs) => { hidden = pairs.filter(([here]) => here); };

function aws(text) {
  for (const [here, there] of hidden) text = text.split(here + '/').join(there + '/');
  return text;
}

class ExtendedError extends Error {
  constructor(reason) {
    super(reason);
    Object.setPrototypeOf(this, new.target.prototype);
  }
}

for (const name of ['ImportModuleError', 'HandlerNotFound', 'MalformedHandlerName', 'UserCodeSyntaxError']) {
  exports[name] = { [name]: class extends ExtendedError {} }[name];
  Object.defineProperty(exports[name].prototype, 'name', { value: 'Runtime.' + name });
}

exports.CallbackHandlerDeprecated = class CallbackHandlerDeprecated extends ExtendedError {
  constructor() {
    super('AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to modify this function to use a supported handler signature to use Node.js 24 or later. For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.');
  }
};
Object.defineProperty(exports.CallbackHandlerDeprecated.prototype, 'name', { value: 'Runtime.CallbackHandlerDeprecated' });

exports.NodeJsExit = class NodeJsExit extends ExtendedError {
  constructor() {
    super('The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise that was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes');
  }
};
Object.defineProperty(exports.NodeJsExit.prototype, 'name', { value: 'Runtime.NodeJsExit' });

exports.UnhandledPromiseRejection = class UnhandledPromiseRejection extends ExtendedError {
  constructor(reason) {
    super(String(reason));
    this.reason = reason;
    this.promise = {};
  }
};
Object.defineProperty(exports.UnhandledPromiseRejection.prototype, 'name', { value: 'Runtime.UnhandledPromiseRejection' });

function isError(e) {
  return isNativeError(e) || Boolean(e && typeof e.name === 'string' && typeof e.message === 'string' && typeof e.stack === 'string');
}

// A stack begins with the name the error had when it was made; Lambda's own errors show theirs.
function stackOf(err) {
  const name = err.name;
  let stack = typeof err.stack === 'string' ? err.stack : '';
  if (name && name.startsWith('Runtime.') && stack.startsWith('Error')) stack = name + stack.slice(5);
  return stack;
}

// payload is the error as the caller of the function sees it.
exports.payload = (err) => {
  try {
    if (isError(err)) {
      return aws(JSON.stringify({
        errorType: err.name ? String(err.name).replace(/\x7F/g, '%7F') : undefined,
        errorMessage: err.message ? String(err.message).replace(/\x7F/g, '%7F') : err.message,
        trace: stackOf(err).replace(/\x7F/g, '%7F').split('\n'),
      }));
    }
    return JSON.stringify({ errorType: typeof err, errorMessage: String(err), trace: [] });
  } catch (e) {
    return JSON.stringify({
      errorType: 'handled',
      errorMessage: 'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack',
    });
  }
};

// visible makes the members of an Error appear in JSON.
function visible(err) {
  if (!isError(err)) return err;
  const out = Object.assign({ errorType: err.name, errorMessage: err.message, code: err.code }, err);
  if (typeof err.stack === 'string') out.stack = stackOf(err).split('\n');
  return out;
}
exports.visible = visible;

// formatted is the error as the log shows it.
exports.formatted = (err) => {
  try {
    return '\t' + JSON.stringify(err, (_, v) => visible(v));
  } catch (e) {
    return '\t' + JSON.stringify({ errorType: 'UserError', errorMessage: String(err) });
  }
};
