// Sends raw requests over kept TLS connections, as fast as they are answered, and counts what came back. Opens a new connection
// wherever the broker ends one. Only for floods: it reads no more of an answer than its status, length and end.

import { connect, type TLSSocket } from 'node:tls';

export interface Flood {
  /** Answers by status; 0 for a connection that ended without one. */
  readonly statuses: ReadonlyMap<number, number>;
}

export interface FloodParts {
  readonly port: number;
  readonly ca: string;
  readonly connections: number;
  /** The next request, or undefined when there is none. */
  readonly next: () => string | undefined;
}

/** Resolves when every request has its answer. */
export async function flood({ port, ca, connections, next }: FloodParts): Promise<Flood> {
  const statuses = new Map<number, number>();
  const worker = async (): Promise<void> => {
    let socket: TLSSocket | undefined;
    for (let bytes = next(); bytes !== undefined; bytes = next()) {
      socket ??= connect({ host: '127.0.0.1', port, ca, servername: 'localhost' }).on('error', ignore);
      const { status, ended } = await exchange(socket, bytes);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (ended) {
        socket.destroy();
        socket = undefined;
      }
    }
    socket?.destroy();
  };
  await Promise.all(Array.from({ length: connections }, worker));
  return { statuses };
}

function exchange(socket: TLSSocket, bytes: string): Promise<{ status: number; ended: boolean }> {
  return new Promise((resolve) => {
    let text = '';
    const done = (status: number, ended: boolean): void => {
      socket.off('data', onData).off('close', onGone);
      resolve({ status, ended });
    };
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      const head = text.indexOf('\r\n\r\n');
      if (head < 0) return;
      const length = /^content-length: (\d+)/im.exec(text.slice(0, head))?.[1] ?? '0';
      const isHead = bytes.startsWith('HEAD ');
      if (!isHead && text.length < head + 4 + Number(length)) return;
      done(Number(text.slice(9, 12)), /^connection: close/im.test(text.slice(0, head)));
    };
    const onGone = (): void => done(0, true);
    socket.on('data', onData).on('close', onGone);
    socket.write(bytes, 'latin1');
  });
}

const ignore = (): void => undefined;
