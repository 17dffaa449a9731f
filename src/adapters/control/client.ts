// The other end of the control socket, for the verbs of the command line. One request, one answer, with a deadline over all of it
// and a bound on its bytes. Where no broker answers, the error names the socket.

import { request as httpRequest, type IncomingMessage } from 'node:http';
import { CONTROL_ANSWER_BYTES_MAX, CONTROL_MS } from '../../core/limits.ts';

export interface ControlAnswer {
  readonly status: number;
  readonly body: unknown;
}

export interface ControlClient {
  /** Rejects where there was no whole answer; every answer resolves, whatever its status. */
  request(method: 'GET' | 'POST', path: string, body?: unknown): Promise<ControlAnswer>;
}

/** A client of the broker that listens on this socket. */
export function createControlClient(socket: string): ControlClient {
  return Object.freeze({
    async request(method: 'GET' | 'POST', path: string, body?: unknown) {
      try {
        return await exchangeOnce(socket, method, path, body);
      } catch (error) {
        throw new Error(`${problem(error)} on ${socket}`, { cause: error });
      }
    },
  });
}

function exchangeOnce(socketPath: string, method: string, path: string, body: unknown): Promise<ControlAnswer> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const headers = text === undefined ? {} : { 'content-type': 'application/json' };
    const signal = AbortSignal.timeout(CONTROL_MS);
    const outgoing = httpRequest({ socketPath, method, path, headers, signal, agent: false }, (answer) => {
      readAnswer(answer).then(resolve, reject);
    });
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}

async function readAnswer(answer: IncomingMessage): Promise<ControlAnswer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > CONTROL_ANSWER_BYTES_MAX) throw new Error('the answer is too long');
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  return { status: answer.statusCode ?? 0, body: text === '' ? undefined : JSON.parse(text) };
}

function problem(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'no broker is running, or its control socket is elsewhere: there is nothing';
  if (code === 'ECONNREFUSED') return 'no broker answers';
  if (code === 'EACCES' || code === 'EPERM') return 'no permission to speak to the broker';
  if (error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError'))
    return `no answer within ${CONTROL_MS / 1000} seconds`;
  return error instanceof Error ? error.message : 'no answer';
}
