// Attacks on the HTTP surface of a whole broker, as raw bytes over TLS. The limits of connections and bodies are
// proved by test/adapters/http; here is what the broker makes of them: which requests leave a record, and which must not.

import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { refused } from '../support/attack.ts';
import { formOf, JWT_TYPE, mint, TOKEN_EXCHANGE } from '../support/broker.ts';
import { b64 } from '../support/forge.ts';
import { type Arena, startArena } from './arena.ts';

let arena: Arena;
beforeAll(async () => {
  arena = await startArena();
});
afterAll(() => arena.stop());

/** A last request, which ends every connection that is still in use; its answer alone has an ETag. */
const LAST = 'HEAD /.well-known/jwks.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

/** Writes bytes, and gives everything that came back to them. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve) => {
    const { port, ca } = arena.broker;
    const socket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost' }, () =>
      // HTTP/1.0 closes by itself, and takes what follows for an error.
      socket.write(bytes.includes('HTTP/1.0') ? bytes : bytes + LAST, 'latin1'),
    );
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answers(text).join('')));
  });
}

const answers = (text: string): readonly string[] =>
  text.split(/(?=HTTP\/1\.1 \d)/).filter((answer) => !/^etag:/im.test(answer));
const statuses = (text: string): readonly string[] => text.match(/(?<=HTTP\/1\.1 )\d{3}/g) ?? [];
const reasonsSince = (count: number) =>
  arena.broker
    .records()
    .slice(count)
    .map(({ reason, outcome }) => reason ?? outcome);
const count = () => arena.broker.records().length;

const TYPE = 'Content-Type: application/x-www-form-urlencoded\r\n';
const form = () =>
  formOf({
    grant_type: TOKEN_EXCHANGE,
    subject_token_type: JWT_TYPE,
    subject_token: arena.ec.token(arena.claims()),
    audience: 'ledger',
  });
const sized = (more = '', line = 'POST /token HTTP/1.1') => {
  const body = form();
  return `${line}\r\nHost: x\r\n${TYPE}Content-Length: ${body.length}\r\n${more}\r\n${body}`;
};
const chunked = (more = '', line = 'POST /token HTTP/1.1', tail = '0\r\n\r\n') => {
  const body = form();
  return `${line}\r\nHost: x\r\n${TYPE}Transfer-Encoding: chunked\r\n${more}\r\n${body.length.toString(16)}\r\n${body}\r\n${tail}`;
};

type Sent = readonly [title: string, bytes: () => string, answers: readonly string[], records: readonly string[]];

// An upgrade ends its connection: the parser lost what followed it in the same read, and took the rest for a new request.
const TAKEN: readonly Sent[] = [
  ['a form with a length', () => sized(), ['200'], ['granted']],
  ['a form in chunks', () => chunked(), ['200'], ['granted']],
  ['A-176 Expect: 100-continue', () => sized('Expect: 100-continue\r\n'), ['100', '200'], ['granted']],
  ['A-176 an expectation that nobody knows: it is recorded too', () => sized('Expect: tea\r\n'), ['200'], ['granted']],
  [
    'A-180 an upgrade to HTTP/2, which is not one',
    () => sized('Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n'),
    ['200'],
    ['granted'],
  ],
  [
    'A-179 a target with another authority',
    () => sized('', 'POST https://evil.example/token HTTP/1.1'),
    ['200'],
    ['granted'],
  ],
  ['A-176 HTTP/1.0 with a length', () => sized('', 'POST /token HTTP/1.0'), ['200'], ['granted']],
  [
    'A-176 three requests in one write',
    () => sized() + sized() + sized(),
    ['200', '200', '200'],
    ['granted', 'granted', 'granted'],
  ],
  [
    'A-176 trailers that say what headers would',
    () => chunked('', undefined, '0\r\nX-Extra: x\r\n\r\n'),
    ['200'],
    ['granted'],
  ],
];

const REFUSED: readonly Sent[] = [
  ['A-176 a length and chunks', () => sized('Transfer-Encoding: chunked\r\n'), ['400'], []],
  ['A-176 the length twice', () => sized('Content-Length: 1\r\n'), ['400'], []],
  ['A-176 chunked twice', () => chunked('Transfer-Encoding: chunked\r\n'), ['400'], []],
  ['A-176 xchunked', () => chunked().replace('chunked', 'xchunked'), ['400'], ['body_malformed']],
  ['A-176 chunks in HTTP/1.0', () => chunked('', 'POST /token HTTP/1.0'), ['400'], ['body_malformed']],
  ['A-176 a folded header', () => sized('X-A: a\r\n b\r\n'), ['400'], []],
  ['A-176 bare line feeds', () => sized().replaceAll('\r\n', '\n'), ['400'], []],
  [
    'A-176 a bare line feed behind the size of a chunk',
    () => chunked().replace(/(\r\n\r\n[0-9a-f]+)\r\n/, '$1\n'),
    ['400'],
    ['body_malformed'],
  ],
  [
    'A-176 chunk extensions without end',
    () => chunked().replace(/(\r\n\r\n[0-9a-f]+)\r\n/, `$1;${'a=b;'.repeat(10_000)}\r\n`),
    ['400'],
    ['body_malformed'],
  ],
  [
    'A-176 trailers without end',
    () => chunked('', undefined, `0\r\n${'X-A: bbbbbbbbbbbbbbbb\r\n'.repeat(4_000)}\r\n`),
    ['431'],
    ['body_malformed'],
  ],
  ['A-179 two hosts', () => sized('Host: evil.example\r\n'), ['400'], []],
  ['A-176 a compressed body', () => sized('Content-Encoding: gzip\r\n'), ['400'], ['body_malformed']],
  ['A-131 two media types', () => sized('Content-Type: text/plain\r\n'), ['415'], ['media_type_unsupported']],
  ['A-178 CONNECT', () => 'CONNECT /token HTTP/1.1\r\nHost: x\r\n\r\n', [], []],
  ['A-178 OPTIONS *', () => 'OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n', ['404'], []],
  ['A-178 another scheme', () => sized('', 'POST ftp://x/token HTTP/1.1'), ['404'], []],
  ['A-178 an authority that is none', () => sized('', 'POST https://[/token HTTP/1.1'), ['404'], []],
  ['A-178 a byte beyond ASCII', () => sized('', 'POST /tok\xe9n HTTP/1.1'), ['400'], []],
  [
    'A-177 a WebSocket',
    () => 'GET /token HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    ['405'],
    ['method_not_allowed'],
  ],
  [
    'A-176 what is pipelined behind a last answer',
    () => sized('', 'PUT /token HTTP/1.1') + sized(),
    ['405'],
    ['method_not_allowed'],
  ],
  [
    'A-176 what is pipelined behind a body that nobody reads',
    () => sized('', 'POST /nothing HTTP/1.1') + sized(),
    ['404'],
    [],
  ],
  ['A-185 a header bomb', () => sized(`X-A: ${'a'.repeat(20_000)}\r\n`), ['431'], []],
];

describe('what is HTTP is served', () => {
  it.each(TAKEN)('%s', async (_title, bytes, answers, records) => {
    const before = count();
    expect(statuses(await raw(bytes()))).toEqual(answers);
    expect(reasonsSince(before)).toEqual(records);
  });
});

describe('what is no HTTP of ours is not', () => {
  it.each(REFUSED)('%s', async (_title, bytes, answers, records) => {
    const before = count();
    const text = await raw(bytes());
    expect(statuses(text)).toEqual(answers);
    // Where the parser gives up on a body, the client hears of it before the record is written.
    await vi.waitFor(() => expect(reasonsSince(before)).toEqual(records));
    expect(text).not.toMatch(/charset|node_modules|fastify|Error:/i);
    expect(text).not.toMatch(/^(server|x-powered-by|access-control-)/im);
  });
});

describe('methods and paths', () => {
  it.each(['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY', 'M-SEARCH', 'PURGE'])(
    'A-177 %s /token is 405 and recorded, whatever a header says the method is',
    async (method) => {
      const before = count();
      const text = await raw(sized('X-HTTP-Method-Override: POST\r\nX-Method: POST\r\n', `${method} /token HTTP/1.1`));
      expect(statuses(text)).toEqual(['405']);
      expect(text).toMatch(/^allow: POST\r$/im);
      expect(reasonsSince(before)).toEqual(['method_not_allowed']);
    },
  );

  it.each([
    '/token/',
    '//token',
    '/token%2f',
    '/%74oken',
    '/TOKEN',
    '/token;x',
    '/v1/../token',
    '/decide/',
    '/metrics',
    '/readyz',
    '/reload',
    '/keys',
  ])('A-178, A-192 POST %s is nothing: no record, no answer but 404', async (path) => {
    const before = count();
    const text = await raw(sized('X-Forwarded-For: 127.0.0.1\r\n', `POST ${path} HTTP/1.1`));
    expect(statuses(text)).toEqual(['404']);
    expect(count()).toBe(before);
  });

  it('A-181 no origin is allowed to read anything', async () => {
    const text = await raw(sized('Origin: https://evil.example\r\nCookie: a=b\r\n'));
    expect(statuses(text)).toEqual(['200']);
    expect(text).not.toMatch(/access-control|set-cookie|evil/i);
  });

  it('A-193 the recorded peer is the socket, whatever proxies are claimed', async () => {
    await raw(sized('X-Forwarded-For: 10.9.8.7\r\nForwarded: for=10.9.8.7\r\nX-Real-IP: 10.9.8.7\r\n'));
    expect(arena.broker.records().at(-1)).toMatchObject({ peer: '127.0.0.1', outcome: 'granted' });
  });
});

describe('what a caller can learn', () => {
  it('A-182 refusals of credentials differ in nothing but the decision id', async () => {
    const [ec, claims] = [arena.ec, arena.claims];
    const attacks = [
      ec.token(claims({ iss: 'https://unknown.example' })),
      ec.token(claims({ sub: 'nobody' })),
      ec.token(claims({ exp: 1 })),
      ec.token(claims({ aud: 'x' })),
      ec.token(claims(), { kid: 'x' }),
      arena.once.token(claims()),
      'a.b.c',
      await mint(arena.broker, 'github', { iss: 'https://token.actions.githubusercontent.com', sub: 'x' }),
    ];
    const shapes = await Promise.all(
      attacks.map(async (token) => {
        const { status, headers, text } = await arena.broker.exchange(token);
        const { date: _date, ...rest } = headers;
        return JSON.stringify([status, rest, text.replace(/[0-9A-Z]{26}/, '')]);
      }),
    );
    // `login` is private, so whom it proved is told of the rule it came near to: that one answer alone differs.
    expect(new Set(shapes.filter((_shape, index) => index !== 1)).size).toBe(1);
  });

  it('A-182, A-39 an unknown issuer is not told from a known one by a wait', async () => {
    const time = async (iss: string) => {
      const token = arena.once.token(arena.claims({ iss }));
      const begun = performance.now();
      for (let round = 0; round < 15; round += 1) await arena.broker.exchange(token);
      return (performance.now() - begun) / 15;
    };
    await time('https://login.example');
    const [known, unknown] = [await time('https://login.example'), await time('https://unknown.example')];
    // One verification is a tenth of a millisecond; a look-up, a fetch or a pause would be tens.
    expect(Math.abs(known - unknown)).toBeLessThan(15);
  });

  it('A-183 fifty thousand bytes that are no token bring back no trace of the code', async () => {
    for (const token of ['x'.repeat(50_000), `${b64('{'.repeat(30_000))}.e30.AA`, `${'.'.repeat(50_000)}`])
      expect(await arena.exchange(token)).toBe(refused('credential_malformed'));
  });

  it('A-195 an answer has the headers that the broker wrote, whatever was sent', async () => {
    const text = await raw(sized().replace('audience=ledger', 'audience=x%0d%0aSet-Cookie:%20a=b'));
    expect(statuses(text)).toEqual(['400']);
    expect(text).not.toMatch(/set-cookie/i);
    expect(await arena.exchange(arena.ec.token(arena.claims()), { audience: 'x"\\<script>' })).toMatch(/target/);
  });

  it('A-184 a record is one line of printable ASCII, whatever stood in sub, kid, iss and headers', async () => {
    const evil = 'a\u001b[2J\u2028\u0085\r\n{"outcome":"granted"}';
    for (const change of [{ sub: evil }, { iss: evil }, { jti: evil }, { [evil]: evil }])
      await arena.broker.exchange(arena.ec.token(arena.claims(change)));
    await arena.broker.exchange(arena.ec.token(arena.claims(), { kid: evil }));
    await raw(sized('User-Agent: a\x1b[2J\r\nTraceparent: 00-x\x85-y-01\r\n'));

    const trail = readFileSync(`${arena.broker.folder}/audit.jsonl`, 'latin1');
    expect(trail).toMatch(/^[\x20-\x7e\n]+$/);
    for (const line of trail.trimEnd().split('\n')) expect(JSON.parse(line)).toHaveProperty('event');
  });

  it('A-189 Object.prototype is what it was after a thousand tries to change it', async () => {
    const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty'];
    for (let round = 0; round < 200; round += 1) {
      const name = names[round % names.length] ?? '';
      const text = JSON.stringify(arena.claims()).replace('{', `{"${name}":{"polluted":true,"sub":"x"},`);
      expect((await arena.broker.exchange(arena.ec.token(text))).status).toBe(200);
    }
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
    expect(Object.keys(Object.prototype)).toEqual([]);
  });
});
