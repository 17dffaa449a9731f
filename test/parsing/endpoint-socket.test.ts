// Where a Workload API may listen (SA-01): two forms, one spelling each, and everything else refused with the reason.

import { describe, expect, it } from 'vitest';
import { SOCKET_PATH_BYTES_MAX } from '../../src/core/limits-outside.ts';
import { parseEndpointSocket } from '../../src/parsing/endpoint-socket.ts';

const FORMS = 'must be unix:///absolute/path or tcp://<ip>:<port>';
const ABSOLUTE = 'must have an absolute path and no host: unix:///absolute/path';
const CHARACTERS = 'must have a path of URI characters, without escapes, query or fragment';
const SEGMENTS = 'must have a path without empty segments, . and ..';
const TCP = 'must be tcp://<ip>:<port>, and nothing behind the port';
const LOOPBACK = 'must have a loopback address: keys come over it in the clear; use unix:///absolute/path';
const longest = `/${'a'.repeat(SOCKET_PATH_BYTES_MAX - 1)}`;

describe('the socket of a Workload API', () => {
  it.each([
    ['unix:///run/spire/api.sock', { kind: 'unix', path: '/run/spire/api.sock' }],
    ['unix:///a', { kind: 'unix', path: '/a' }],
    [`unix://${longest}`, { kind: 'unix', path: longest }],
    ['tcp://127.0.0.1:8000', { kind: 'tcp', family: 4, address: '127.0.0.1', port: 8_000 }],
    ['tcp://127.9.9.9:65535', { kind: 'tcp', family: 4, address: '127.9.9.9', port: 65_535 }],
    ['tcp://[::1]:1', { kind: 'tcp', family: 6, address: '::1', port: 1 }],
  ])('may be %s (SA-01)', (text, target) => {
    expect(parseEndpointSocket(text)).toEqual({ ok: true, target });
  });

  it.each([
    ['', FORMS],
    ['/run/spire/api.sock', FORMS],
    ['unix:rel', FORMS],
    ['unix:/run/api.sock', FORMS],
    ['UNIX:///run/api.sock', FORMS],
    [' unix:///run/api.sock', FORMS],
    ['http://127.0.0.1:80', FORMS],
    ['dns:///localhost:1', FORMS],
    ['unix://', ABSOLUTE],
    ['unix://run/api.sock', ABSOLUTE],
    ['unix://host.example/run/api.sock', ABSOLUTE],
    ['unix:///', CHARACTERS],
    ['unix:///run/api.sock?x=1', CHARACTERS],
    ['unix:///run/api.sock#x', CHARACTERS],
    ['unix:///run/%61pi.sock', CHARACTERS],
    ['unix:///run/api sock', CHARACTERS],
    ['unix:///run/api.sock\n', CHARACTERS],
    ['unix:///run/api.sock\0', CHARACTERS],
    ['unix:///run//api.sock', SEGMENTS],
    ['unix:////run/api.sock', SEGMENTS],
    ['unix:///run/', SEGMENTS],
    ['unix:///run/../api.sock', SEGMENTS],
    ['unix:///run/./api.sock', SEGMENTS],
    [`unix://${longest}a`, `must have a path of at most ${SOCKET_PATH_BYTES_MAX} bytes`],
    ['tcp://localhost:1', TCP],
    ['tcp://1.2.3.4:5/x', TCP],
    ['tcp://127.0.0.1:5/', TCP],
    ['tcp://127.0.0.1', TCP],
    ['tcp://127.0.0.1:', TCP],
    ['tcp://127.0.0.1:0', TCP],
    ['tcp://127.0.0.1:080', TCP],
    ['tcp://127.0.0.1:65536', TCP],
    ['tcp://user@127.0.0.1:1', TCP],
    ['tcp://127.0.0.1:1?x', TCP],
    ['tcp://127.1:1', TCP],
    ['tcp://0177.0.0.1:1', TCP],
    ['tcp://2130706433:1', TCP],
    ['tcp://::1:1', TCP],
    ['tcp://[::1]', TCP],
    ['tcp://[127.0.0.1]:1', TCP],
    ['tcp://[::1%lo]:1', TCP],
    ['tcp://10.0.0.1:8000', LOOPBACK],
    ['tcp://169.254.169.254:80', LOOPBACK],
    ['tcp://0.0.0.0:80', LOOPBACK],
    ['tcp://[fe80::1]:80', LOOPBACK],
    ['tcp://[::ffff:127.0.0.1]:80', LOOPBACK],
  ])('may not be %j (SA-01)', (text, problem) => {
    expect(parseEndpointSocket(text)).toEqual({ ok: false, problem });
  });
});
