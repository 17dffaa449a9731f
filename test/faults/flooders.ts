// Starts a flood of unknown kids from a process of its own, and waits for what it was answered.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { FloodOrder, FloodRate } from './flood-process.ts';
import type { Measured } from './load.ts';
import type { Scene } from './scene.ts';

export interface Flooder extends Disposable {
  /** Floods, and gives what was answered. */
  flood(rate: FloodRate): Promise<Measured>;
}

/** Resolves once all its connections are open. */
export async function openFlooder(scene: Scene, connections: number): Promise<Flooder> {
  const { port, ca } = scene.broker;
  const order: FloodOrder = { port, ca, connections, claims: scene.claims() };
  const child = fork(join(import.meta.dirname, 'flood-process.ts'), [JSON.stringify(order)], { execArgv: [] });
  await once(child, 'message');
  return {
    async flood(rate) {
      child.send(rate);
      const [{ flooded }] = (await once(child, 'message')) as [{ flooded: Measured }];
      return flooded;
    },
    [Symbol.dispose]: () => void child.kill('SIGKILL'),
  };
}
