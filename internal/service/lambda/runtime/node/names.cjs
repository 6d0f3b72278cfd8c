// AWS's host names lead to Sallyport: a connection to port 443 or 80 of a name in the list goes to the edge instead.
// Everything that opens a connection (http, https, http2, tls, fetch) goes through net.Socket.connect, so one patch is
// enough; TLS still asks for, and checks, the name that the program meant.
'use strict';

const net = require('net');

exports.patch = (names, edge) => {
  if (!names || !edge) return;
  const list = names.split(',').map((n) => n.trim().toLowerCase()).filter(Boolean);
  const at = edge.lastIndexOf(':');
  const host = edge.slice(0, at).replace(/^\[|\]$/g, ''), port = Number(edge.slice(at + 1));
  const ours = (name) => list.some((n) => (n[0] === '.' ? name.endsWith(n) : name === n));

  // led returns the options of a connection to the edge, or null for one that is not ours.
  const led = (o) => {
    if (!o || o.path || typeof o.host !== 'string' || ![80, 443].includes(Number(o.port))) return null;
    if (!ours(o.host.toLowerCase().replace(/\.$/, ''))) return null;
    return Object.assign({}, o, { host, port, family: 0, lookup: undefined });
  };

  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function (...args) {
    if (Array.isArray(args[0])) { // as net.connect has normalized them
      const o = led(args[0][0]);
      if (o) args[0][0] = o;
    } else if (args[0] && typeof args[0] === 'object') {
      const o = led(args[0]);
      if (o) args[0] = o;
    } else if (typeof args[1] === 'string') {
      const o = led({ port: args[0], host: args[1] });
      if (o) args.splice(0, 2, o);
    }
    return connect.apply(this, args);
  };
};
