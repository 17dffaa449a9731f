// The commands of a running broker, typed, for the command line: what server.ts answers, read back and checked. An answer that
// says why not becomes an error with those words.

import { z } from 'zod';
import type { RevokedKey, SigningAlgorithm, SigningKeyView } from '../../core/ports.ts';
import { createControlClient } from './client.ts';

export interface Operator {
  keys(): Promise<readonly SigningKeyView[]>;
  rotateKeys(algorithm?: SigningAlgorithm): Promise<readonly SigningKeyView[]>;
  revokeKey(kid: string): Promise<RevokedKey>;
  /** The record of one decision, or undefined where it is not remembered. */
  decision(id: string): Promise<object | undefined>;
  /** The record of the newest decision, or undefined where there was none. */
  lastDecision(): Promise<object | undefined>;
}

const key = z.object({
  kid: z.string(),
  algorithm: z.enum(['ES256', 'RS256']),
  state: z.enum(['next', 'current', 'retired']),
  createdAtSeconds: z.number(),
  currentSinceSeconds: z.number().exactOptional(),
  retiredAtSeconds: z.number().exactOptional(),
});
const keys = z.object({ keys: z.array(key) });
const revoked = z.object({ revoked: key, keys: z.array(key) });
const decisions = z.object({ decisions: z.array(z.looseObject({})) });
const refused = z.object({ error: z.string() });

/** The broker that listens on this control socket. Every call rejects where it cannot be asked. */
export function createOperator(socket: string): Operator {
  const client = createControlClient(socket);
  const ask = async <Answer>(method: 'GET' | 'POST', path: string, schema: z.ZodType<Answer>): Promise<Answer> => {
    const { status, body } = await client.request(method, path);
    if (status === 200) return schema.parse(body);
    throw new Error(refused.safeParse(body).data?.error ?? `the broker answered ${status}`);
  };
  return Object.freeze({
    keys: async () => (await ask('GET', '/keys', keys)).keys,
    rotateKeys: async (algorithm?: SigningAlgorithm) =>
      (await ask('POST', `/keys/rotate${algorithm ? `?algorithm=${algorithm}` : ''}`, keys)).keys,
    revokeKey: (kid: string) => ask('POST', `/keys/${encodeURIComponent(kid)}/revoke`, revoked),
    async decision(id: string) {
      const { status, body } = await client.request('GET', `/decisions/${encodeURIComponent(id)}`);
      return status === 200 ? z.looseObject({}).parse(body) : undefined;
    },
    lastDecision: async () => (await ask('GET', '/decisions?last=1', decisions)).decisions[0],
  });
}
