// A resolve hook: what import does not find, it looks for in the directories of NODE_PATH.
'use strict';

const path = require('path');
const { pathToFileURL } = require('url');
const { createRequire } = require('module');

const missing = (err) => err && (err.code === 'ERR_MODULE_NOT_FOUND' || err.code === 'MODULE_NOT_FOUND');
const bare = (specifier) => !/^(\.|\/|[a-z]+:|#)/.test(specifier);

// places turns each directory into the URL of a module that would find its packages.
const places = (dirs) => dirs.map((d) => ({
  dir: d,
  parentURL: path.basename(d) === 'node_modules' ? pathToFileURL(path.join(path.dirname(d), 'import.mjs')).href : null,
}));

function outside(place, specifier) {
  return { url: pathToFileURL(createRequire(path.join(place.dir, 'import.js')).resolve(path.join(place.dir, specifier))).href, shortCircuit: true };
}

exports.hook = (dirs) => {
  const list = places(dirs);
  return (specifier, context, next) => {
    try {
      return next(specifier, context);
    } catch (err) {
      if (!missing(err) || !bare(specifier)) throw err;
      for (const p of list) {
        try {
          return p.parentURL ? next(specifier, { ...context, parentURL: p.parentURL }) : outside(p, specifier);
        } catch (e) {
          if (!missing(e)) throw e;
        }
      }
      throw err;
    }
  };
};

exports.asyncHook = (dirs) => {
  const list = places(dirs);
  return async (specifier, context, next) => {
    try {
      return await next(specifier, context);
    } catch (err) {
      if (!missing(err) || !bare(specifier)) throw err;
      for (const p of list) {
        try {
          return p.parentURL ? await next(specifier, { ...context, parentURL: p.parentURL }) : outside(p, specifier);
        } catch (e) {
          if (!missing(e)) throw e;
        }
      }
      throw err;
    }
  };
};
