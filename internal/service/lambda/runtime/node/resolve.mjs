// The same hook for versions of Node.js that run hooks in a thread of their own.
import { asyncHook } from './resolve.cjs';

let found = (specifier, context, next) => next(specifier, context);

export function initialize({ dirs }) {
  found = asyncHook(dirs);
}

export function resolve(specifier, context, next) {
  return found(specifier, context, next);
}
