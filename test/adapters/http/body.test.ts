// Bodies as streams: the bound of one, and the allowance that all of them share.

import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createBodyReader } from '../../../src/adapters/http/body.ts';
import { BODY_BYTES_MAX, BODY_SMALL_BYTES } from '../../../src/core/limits.ts';

/** As much of a message as the reader looks at. */
const message = (headers: Record<string, string> = {}) =>
  Object.assign(new PassThrough({ highWaterMark: BODY_BYTES_MAX * 2 }), { headers }) as PassThrough & IncomingMessage;
const overloaded = { ok: false, refusal: { reason: 'overloaded', retryAfterSeconds: 1 } };
const tooLarge = { ok: false, refusal: { reason: 'body_too_large', bytesMax: BODY_BYTES_MAX } };
const bytes = (count: number): Buffer => Buffer.alloc(count, 'a');

describe('a body', () => {
  const read = createBodyReader({ largeBytesMax: BODY_BYTES_MAX });
  it('is taken whole up to its bound, and no byte further (A-129, A-175)', async () => {
    const whole = message();
    whole.end(bytes(BODY_BYTES_MAX));
    expect(await read(whole)).toEqual({ ok: true, value: bytes(BODY_BYTES_MAX) });
    const over = message();
    over.end(bytes(BODY_BYTES_MAX + 1));
    expect(await read(over)).toEqual(tooLarge);
  });

  it('that says it is too large is not read at all', async () => {
    const said = message({ 'content-length': String(BODY_BYTES_MAX + 1) });
    expect(await read(said)).toEqual(tooLarge);
    expect(said.listenerCount('data')).toBe(0);
  });

  it('that ends early is incomplete, and a late error ends nothing', async () => {
    const gone = message();
    const body = read(gone);
    gone.write('a');
    gone.destroy(new Error('aborted'));
    expect(await body).toEqual({ ok: false, refusal: { reason: 'body_malformed', problem: 'incomplete' } });
    expect(() => gone.emit('error', new Error('late'))).not.toThrow();
  });
});

describe('a body in chunks of one byte', () => {
  // Chunks were kept as they came: at a hundred bytes for each object, small bodies of idle uploads held a hundred times
  // their size, beside the shared allowance.
  it('holds its bytes and little more (F-42, A-175)', async () => {
    const read = createBodyReader({ largeBytesMax: BODY_BYTES_MAX });
    const uploads = Array.from({ length: 64 }, () => message());
    const bodies = uploads.map((upload) => read(upload));
    const before = process.memoryUsage();
    const text = bytes(BODY_SMALL_BYTES);
    for (const upload of uploads) for (const byte of text) upload.emit('data', Buffer.of(byte));
    const after = process.memoryUsage();
    const grown = after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers;
    // A million chunks: as objects over 100 MB that nothing can collect. What the test itself leaves behind is collected
    // at the engine's leisure, some tens of megabytes at most.
    expect(grown).toBeLessThan(70_000_000);
    for (const upload of uploads) upload.emit('end');
    expect((await Promise.all(bodies)).every((body) => body.ok && text.equals(body.value))).toBe(true);
  });
});

describe('many bodies on their way', () => {
  it('share what they hold beyond the small part, and give it back (F-42, F-48)', async () => {
    const read = createBodyReader({ largeBytesMax: 1_000 });
    const [first, second, small] = [message(), message(), message()];
    const bodies = [read(first), read(second), read(small)];
    first.write(bytes(BODY_SMALL_BYTES + 600));
    second.write(bytes(BODY_SMALL_BYTES + 401));
    // Refused, although far below its own bound: the first holds 600 of 1,000.
    expect(await bodies[1]).toEqual(overloaded);
    small.end(bytes(BODY_SMALL_BYTES));
    expect(await bodies[2]).toMatchObject({ ok: true });
    first.end(bytes(400));
    expect(await bodies[0]).toMatchObject({ ok: true });

    const later = message();
    later.end(bytes(BODY_SMALL_BYTES + 1_000));
    expect(await read(later)).toMatchObject({ ok: true });
  });
});
