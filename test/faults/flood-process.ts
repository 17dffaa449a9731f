// A process that floods a broker with unknown kids, so that neither its work nor its queues are counted as the broker's. It opens
// its connections, says that it is ready, floods when told to, and reports what it was answered. Started by flooders.ts.

import { on } from 'node:events';
import { Agent, request } from 'node:https';
import { formOf, JWT_TYPE, TOKEN_EXCHANGE } from '../support/broker.ts';
import { b64 } from '../support/forge.ts';
import { load } from './load.ts';

export interface FloodOrder {
  readonly port: number;
  readonly ca: string;
  readonly connections: number;
  readonly claims: Readonly<Record<string, unknown>>;
}

export interface FloodRate {
  readonly perSecond: number;
  readonly seconds: number;
}

const HEADERS = { 'content-type': 'application/x-www-form-urlencoded' };

async function run(order: FloodOrder): Promise<void> {
  const { port, ca, connections } = order;
  const agent = new Agent({ keepAlive: true, ca, maxSockets: connections, maxFreeSockets: connections });
  const send = (method: string, path: string, body = ''): Promise<number> =>
    new Promise((resolve, reject) => {
      const outgoing = request({ host: 'localhost', port, agent, method, path, headers: HEADERS }, (incoming) => {
        incoming.resume().on('end', () => resolve(incoming.statusCode ?? 0));
      });
      outgoing.on('error', reject).end(body);
    });
  // Nobody verifies it: the key is not known.
  const payload = `${b64(order.claims)}.${'A'.repeat(86)}`;
  const unknown = (number: number): string =>
    formOf({
      grant_type: TOKEN_EXCHANGE,
      subject_token_type: JWT_TYPE,
      subject_token: `${b64({ alg: 'ES256', typ: 'JWT', kid: `flood-${number}` })}.${payload}`,
      audience: 'ledger',
    });

  await Promise.all(Array.from({ length: connections }, () => send('GET', '/jwks')));
  process.send?.({ ready: true });
  for await (const [rate] of on(process, 'message')) {
    const { perSecond, seconds }: FloodRate = rate;
    const flooded = await load({ perSecond, seconds, send: (number) => send('POST', '/token', unknown(number)) });
    process.send?.({ flooded });
  }
}

const order = process.argv[2];
if (order !== undefined) void run(JSON.parse(order));
