// Reads one request body as bytes: bounded before anything is kept, cut off where the bound is passed, and said to be
// incomplete where the connection ended first. Refuses nothing about its content; see parsing/form.ts.

import type { IncomingMessage } from 'node:http';
import { ok, type Result, refuse, type SyntaxRefusal } from '../../core/refusal.ts';

/** Resolves with the whole body or with why there is none. Never rejects. How long it may take is the server's business. */
export function readBody(message: IncomingMessage, bytesMax: number): Promise<Result<Uint8Array, SyntaxRefusal>> {
  const tooLarge = refuse({ reason: 'body_too_large', bytesMax } as const);
  if (Number(message.headers['content-length'] ?? 0) > bytesMax) return Promise.resolve(tooLarge);

  return new Promise((resolve) => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    const finish = (result: Result<Uint8Array, SyntaxRefusal>): void => {
      message.off('data', onData).off('end', onEnd).off('close', onGone).off('error', onGone);
      // An `error` without a listener would end the process.
      message.on('error', ignore);
      resolve(result);
    };
    const onData = (chunk: Uint8Array): void => {
      bytes += chunk.byteLength;
      if (bytes > bytesMax) {
        message.pause();
        finish(tooLarge);
      } else chunks.push(chunk);
    };
    const onEnd = (): void => finish(ok(Buffer.concat(chunks, bytes)));
    const onGone = (): void => finish(refuse({ reason: 'body_malformed', problem: 'incomplete' }));
    message.on('data', onData).on('end', onEnd).on('close', onGone).on('error', onGone);
  });
}

const ignore = (): void => undefined;
