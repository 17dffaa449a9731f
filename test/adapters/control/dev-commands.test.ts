// What only `dev` does over its control socket: it says where it is, and signs. A broker that serves does neither.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createControlClient } from '../../../src/adapters/control/client.ts';
import {
  type BesideOrder,
  besideAs,
  type DevCommands,
  devPlace,
  type SignOrder,
  signAs,
} from '../../../src/adapters/control/dev-commands.ts';
import {
  type ControlHandlers,
  type ControlListener,
  createControlListener,
} from '../../../src/adapters/control/server.ts';
import { nobodyIsBlocked } from '../../support/incidents.ts';

const HANDLERS: ControlHandlers = {
  reload: async () => ({ ok: true, generation: 1 }),
  decision: () => undefined,
  decisions: () => [],
  keys: () => [],
  documents: () => ({}),
  rotateKeys: async () => [],
  revokeKey: async () => undefined,
  status: () => ({}),
  incidents: nobodyIsBlocked(),
};
const PLACE = { issuer: 'https://localhost:8443', ca: 'PEM' };
const ORDER: SignOrder = { source: 'github', target: 'deploy', claims: { ref: 'refs/heads/dev' } };

const NOTHING: DevCommands['beside'] = async () => ({ ok: false, problem: 'nothing' });

describe('the commands of dev', () => {
  let folder: string;
  let socket: string;
  let listener: ControlListener | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'control-'));
    socket = join(folder, 'c.sock');
  });
  afterEach(async () => {
    await listener?.close();
    rmSync(folder, { recursive: true });
  });
  async function listen(dev?: DevCommands) {
    listener = createControlListener({ socket, handlers: { ...HANDLERS, ...(dev && { dev }) } });
    await listener.listen();
  }

  it('say where it is, and sign what was ordered', async () => {
    const orders: SignOrder[] = [];
    await listen({
      place: () => PLACE,
      async sign(order) {
        orders.push(order);
        return { ok: true, token: 'a.b.c', tokenType: 'urn:x' };
      },
      beside: NOTHING,
    });
    expect(await devPlace(socket)).toEqual(PLACE);
    expect(await signAs(socket, ORDER)).toEqual({ ...PLACE, token: 'a.b.c', tokenType: 'urn:x' });
    expect(orders).toEqual([ORDER]);
  });

  it('give the reason where there is no token, and take no other order', async () => {
    await listen({
      place: () => PLACE,
      sign: async () => ({ ok: false, problem: 'exp must be a number' }),
      beside: NOTHING,
    });
    await expect(signAs(socket, ORDER)).rejects.toThrow(/^exp must be a number$/);
    for (const wrong of [{}, { ...ORDER, claims: { a: 1 } }, { ...ORDER, more: true }])
      expect((await createControlClient(socket).request('POST', '/dev/sign', wrong)).status).toBe(400);
  });

  it('give who acts and what authenticates a client beside it', async () => {
    const orders: BesideOrder[] = [];
    await listen({
      place: () => PLACE,
      sign: async () => ({ ok: false, problem: 'not this' }),
      async beside(order) {
        orders.push(order);
        return order.client === 'gateway'
          ? { ok: true, parameters: { client_id: 'gateway' } }
          : { ok: false, problem: 'there is no client' };
      },
    });
    const order = { target: 'deploy', client: 'gateway', actor: { source: 'mesh', claims: {} } };
    expect(await besideAs(socket, order)).toEqual({ ...PLACE, parameters: { client_id: 'gateway' } });
    expect(orders).toEqual([order]);
    await expect(besideAs(socket, { target: 'deploy', client: 'x' })).rejects.toThrow(/^there is no client$/);
    for (const wrong of [{}, { ...order, actor: 'mesh' }, { ...order, more: true }])
      expect((await createControlClient(socket).request('POST', '/dev/beside', wrong)).status).toBe(400);
  });

  it('are not those of a broker that serves: nobody there signs for a source', async () => {
    await listen();
    await expect(signAs(socket, ORDER)).rejects.toThrow('signs for nobody: is this `exchequer dev`?');
    await expect(devPlace(socket)).rejects.toThrow();
    expect((await createControlClient(socket).request('GET', '/dev')).status).toBe(404);
    expect((await createControlClient(socket).request('GET', '/status')).status).toBe(200); // the control
  });
});
