// Answers of 400 and above with their bodies, for the callers who ask for them, and for nobody else (F-5): what a token endpoint says
// when it refuses is in its body (RFC 6749 §5.2). Over real TLS on loopback.

import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { OutboundRequest } from '../../src/core/outside.ts';
import { createOutbound } from '../../src/outbound/fetch.ts';
import { openTlsServer } from '../support/tls-server.ts';

async function answerOf(
  head: { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string | Buffer },
  changes: Partial<OutboundRequest> = { refusals: true },
) {
  await using server = await openTlsServer((_request, response) =>
    response.writeHead(head.status, head.headers).end(head.body ?? '{"error":"x"}'),
  );
  const outbound = createOutbound({ permitLoopback: true });
  return await outbound.request({
    url: server.url,
    bytesMax: 100,
    ca: server.ca,
    accept: 'application/json',
    ...changes,
  });
}

const body = Buffer.from('{"error":"x"}');

describe('a refusal', () => {
  it.each([400, 401, 404, 429, 500, 503])(
    'of status %i has its body where the caller takes refusals, and only there',
    async (status) => {
      expect(await answerOf({ status })).toEqual({ ok: true, body, refused: { status, retryAfterSeconds: undefined } });
      expect(await answerOf({ status }, {})).toEqual({ ok: false, problem: 'status', detail: String(status) });
    },
  );

  it.each([
    ['2', 2],
    ['0', 0],
    ['Wed, 21 Oct 2037 07:28:00 GMT', undefined],
    ['-1', undefined],
    ['1.5', undefined],
    ['9'.repeat(10), undefined],
  ])('with Retry-After %s says %s', async (value, retryAfterSeconds) => {
    const answer = await answerOf({ status: 503, headers: { 'retry-after': value } });
    expect(answer).toEqual({ ok: true, body, refused: { status: 503, retryAfterSeconds } });
  });

  it('is bounded and unpacked like every other answer: not at all', async () => {
    expect(await answerOf({ status: 400, body: 'x'.repeat(101) })).toMatchObject({ ok: false, problem: 'too_large' });
    const packed = { status: 400, headers: { 'content-encoding': 'gzip' }, body: gzipSync('x') };
    expect(await answerOf(packed)).toMatchObject({ ok: false, problem: 'encoding' });
  });

  it.each([204, 206, 304])('is nothing between success and 400: status %i is still a problem', async (status) => {
    expect(await answerOf({ status, body: '' })).toEqual({ ok: false, problem: 'status', detail: String(status) });
  });

  it('is not what a good answer is taken for', async () => {
    expect(await answerOf({ status: 200 })).toEqual({ ok: true, body });
  });
});

describe('the clock of a server', () => {
  it.each([
    ['Thu, 26 Nov 2026 12:00:00 GMT', { sentAtSeconds: 1_795_694_400 }],
    ['tomorrow', {}],
  ])('that says %s is told to whom asks for it, and to nobody else', async (date, told) => {
    const head = { status: 200, headers: { date } };
    expect(await answerOf(head, { dated: true })).toEqual({ ok: true, body, ...told });
    expect(await answerOf(head, {})).toEqual({ ok: true, body });
  });
});
