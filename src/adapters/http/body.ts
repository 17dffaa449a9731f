// Reads request bodies as bytes: bounded before anything is kept, cut off where the bound is passed, and said to be incomplete
// where the connection ended first. All bodies on their way share one allowance for what is large about them,
// so that many slow uploads cannot fill the memory, nor keep a small request from being read (F-42, F-48). Refuses nothing
// about a body's content; see parsing/form.ts.

import type { IncomingMessage } from 'node:http';
import { BODY_BYTES_MAX, BODY_SMALL_BYTES, OVERLOAD_RETRY_SECONDS } from '../../core/limits.ts';
import { ok, type Result, refuse, type SyntaxRefusal, type UnavailableRefusal } from '../../core/refusal.ts';

/** A body, or why there is none. */
export type Body = Result<Uint8Array, SyntaxRefusal | UnavailableRefusal>;

/** Resolves with the whole body or with why there is none. Never rejects. How long it may take is the server's business. */
export type ReadBody = (message: IncomingMessage) => Promise<Body>;

const TOO_LARGE: Body = refuse({ reason: 'body_too_large', bytesMax: BODY_BYTES_MAX });
const INCOMPLETE: Body = refuse({ reason: 'body_malformed', problem: 'incomplete' });
const OVERLOADED: Body = refuse({ reason: 'overloaded', retryAfterSeconds: OVERLOAD_RETRY_SECONDS });

/** A reader for one listener; `largeBytesMax` is shared by all its requests. */
export function createBodyReader(parts: { readonly largeBytesMax: number }): ReadBody {
  let largeBytes = 0;

  return (message) => {
    if (Number(message.headers['content-length'] ?? 0) > BODY_BYTES_MAX) return Promise.resolve(TOO_LARGE);
    let own = 0;
    const admit = (bytes: number): Body | undefined => {
      if (bytes > BODY_BYTES_MAX) return TOO_LARGE;
      const grown = Math.max(0, bytes - BODY_SMALL_BYTES) - own;
      if (grown > 0 && largeBytes + grown > parts.largeBytesMax) return OVERLOADED;
      own += grown;
      largeBytes += grown;
      return undefined;
    };
    return collect(message, admit).finally(() => {
      largeBytes -= own;
    });
  };
}

/** Collects chunks until the end, or until `admit` has something against the bytes so far. */
function collect(message: IncomingMessage, admit: (bytes: number) => Body | undefined): Promise<Body> {
  return new Promise((resolve) => {
    // Copied into one buffer: a chunk of one byte costs a hundred as an object, and holds the read that it came in.
    let kept = Buffer.alloc(0);
    let bytes = 0;
    const finish = (body: Body): void => {
      message.off('data', onData).off('end', onEnd).off('close', onGone).off('error', onGone);
      // An `error` without a listener would end the process.
      message.on('error', ignore).pause();
      resolve(body);
    };
    const onData = (chunk: Uint8Array): void => {
      const before = bytes;
      bytes += chunk.byteLength;
      const refused = admit(bytes);
      if (refused) {
        finish(refused);
        return;
      }
      if (bytes > kept.byteLength) kept = grown(kept, before, bytes);
      kept.set(chunk, before);
    };
    const onEnd = (): void => finish(ok(kept.subarray(0, bytes)));
    const onGone = (): void => finish(INCOMPLETE);
    message.on('data', onData).on('end', onEnd).on('close', onGone).on('error', onGone);
  });
}

/** A larger buffer with the first bytes of the old one: twice what is needed at most, so that copying stays linear. */
function grown(kept: Buffer, used: number, needed: number): Buffer<ArrayBuffer> {
  const larger = Buffer.allocUnsafeSlow(Math.min(Math.max(needed, 2 * kept.byteLength), BODY_BYTES_MAX));
  kept.copy(larger, 0, 0, used);
  return larger;
}

const ignore = (): void => undefined;
