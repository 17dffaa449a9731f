// A TCP proxy on loopback between a broker and what it needs, that can go deaf, go slow, or hang up: a network that is broken on purpose.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * `deaf`: connections stay, and nothing passes either way; they end with it. `swallow`: the same, and they go on without what was said.
 * A number: milliseconds that everything is held back.
 */
export type Passage = 'open' | 'deaf' | 'swallow' | 'refuse' | number;

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  be(passage: Passage): void;
}

/** `port`: where it listens, instead of anywhere. */
export async function openTcpProxy(targetPort: number, port = 0): Promise<TcpProxy> {
  let passage: Passage = 'open';
  const sockets = new Set<Socket>();
  /** What they said is lost, which no network does to a connection that goes on. */
  const deafened = new Set<Socket>();

  const pass = (from: Socket, to: Socket): void => {
    from.on('data', (bytes) => {
      if (passage === 'deaf') deafened.add(from);
      if (passage === 'deaf' || passage === 'swallow' || to.destroyed) return;
      if (typeof passage === 'number') setTimeout(() => to.destroyed || to.write(bytes), passage);
      else to.write(bytes);
    });
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  };

  const server = createServer((near) => {
    if (passage === 'refuse') return void near.destroy();
    const far = connect(targetPort, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    }
    pass(near, far);
    pass(far, near);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    be(next) {
      passage = next;
      for (const socket of next === 'refuse' ? sockets : deafened) socket.destroy();
      deafened.clear();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
