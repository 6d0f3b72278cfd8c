// Finding and loading the handler that a function's configuration names.
'use strict';

const fs = require('fs');
const path = require('path');
const { pathToFileURL } = require('url');
const errors = require('./errors.cjs');

// newerThan says whether the runtime's name asks for at least this major version.
exports.newerThan = (name, major) => {
  const m = /nodejs(\d+)/.exec(name || '');
  return Boolean(m) && Number(m[1]) >= major;
};

function split(handler) {
  const base = path.basename(handler);
  const folder = handler.substring(0, handler.indexOf(base));
  const m = /^([^.]*)\.(.*)$/.exec(base);
  if (!m) throw new errors.MalformedHandlerName('Bad handler');
  return { folder, module: m[1], name: m[2] };
}

const isFile = (p) => fs.existsSync(p) && fs.statSync(p).isFile();

// typeModule says whether the nearest package.json makes .js files ES modules.
function typeModule(dir, root) {
  for (;;) {
    const file = path.join(dir, 'package.json');
    if (isFile(file)) {
      try {
        return JSON.parse(fs.readFileSync(file, 'utf8')).type === 'module';
      } catch (e) {
        return false;
      }
    }
    if (dir === root || path.dirname(dir) === dir) return false;
    dir = path.dirname(dir);
  }
}

async function imported(file) {
  await resolveLikeRequire();
  return import(pathToFileURL(file).href);
}

// required loads a CommonJS file. One that itself imports needs to find the bundled packages, too.
async function required(file) {
  if (/\bimport\s*\(/.test(fs.readFileSync(file, 'utf8'))) await resolveLikeRequire();
  return require(file);
}

async function loadModule(root, folder, module) {
  const file = path.resolve(root, folder, module);
  if (isFile(file)) return required(file);
  if (isFile(file + '.js')) {
    return typeModule(path.dirname(file), root) ? imported(file + '.js') : required(file + '.js');
  }
  if (isFile(file + '.mjs')) return imported(file + '.mjs');
  if (isFile(file + '.cjs')) return required(file + '.cjs');
  // AWS: what is no file of the function may be a folder with an index or a package.
  return require(require.resolve(module, { paths: [root, path.resolve(root, folder)] }));
}

exports.load = async (root, handler) => {
  if (!handler || handler.includes('..')) throw new errors.MalformedHandlerName(`'${handler}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`);
  const { folder, module, name } = split(handler);
  let app;
  try {
    app = await loadModule(root, folder, module);
  } catch (err) {
    if (err instanceof SyntaxError) throw new errors.UserCodeSyntaxError(err);
    if (err && (err.code === 'MODULE_NOT_FOUND' || err.code === 'ERR_MODULE_NOT_FOUND')) throw new errors.ImportModuleError(err);
    throw err;
  }
  const get = (object) => name.split('.').reduce((o, k) => o && o[k], object);
  let fn = get(app);
  if (fn === undefined && app && app.default) fn = get(app.default);
  if (!fn) throw new errors.HandlerNotFound(`${handler} is undefined or not exported`);
  if (typeof fn !== 'function') throw new errors.HandlerNotFound(`${handler} is not a function`);
  return fn;
};

// resolveLikeRequire lets import find what require finds through NODE_PATH: Lambda does, plain Node does not.
let resolving = false;
async function resolveLikeRequire() {
  if (resolving) return;
  resolving = true;
  const dirs = (process.env.NODE_PATH || '').split(path.delimiter).filter((d) => d && d !== process.env.LAMBDA_TASK_ROOT && fs.existsSync(d));
  if (!dirs.length) return;
  const module = require('module');
  if (module.registerHooks) {
    module.registerHooks({ resolve: require('./resolve.cjs').hook(dirs) });
  } else if (module.register) {
    module.register(pathToFileURL(path.join(__dirname, 'resolve.mjs')).href, { data: { dirs } });
  }
}

// hint explains, in the log, an import that fails on AWS just the same.
exports.hint = (err) => {
  if (!(err instanceof errors.ImportModuleError)) return '';
  const m = /Cannot find (?:module|package) '([^']+)'/.exec(err.message);
  const runtime = (process.env.AWS_EXECUTION_ENV || '').replace('AWS_Lambda_', '');
  if (m && /^aws-sdk(\/|$)/.test(m[1]) && exports.newerThan(runtime, 18)) {
    return `sallyport: ${runtime} brings the AWS SDK v3 (@aws-sdk/*) and no longer aws-sdk, as on AWS: put aws-sdk into the function's package, or use nodejs16.x`;
  }
  if (m && /^(@aws-sdk|@smithy|aws-sdk)\b/.test(m[1])) {
    return `sallyport: ${m[1]} is neither in the function's package nor in the SDK that Sallyport installed for ${runtime}: add it to the package`;
  }
  return '';
};
