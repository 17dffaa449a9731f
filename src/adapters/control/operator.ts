// The commands of a running broker, typed, for the command line: what server.ts answers, read back and checked. An answer that
// says why not becomes an error with those words.

import { z } from 'zod';
import type { RevokedKey, SigningAlgorithm, SigningKeyView } from '../../core/ports.ts';
import type { Withdrawal } from '../../core/withdrawal.ts';
import { createControlClient } from './client.ts';
import { cloudsAnswer, INCIDENT_ANSWERS } from './incident-commands.ts';

/** A command that means nobody, or nothing that is there: its message says why, and what would. */
export type Answered<Report> =
  | { readonly ok: true; readonly report: Report }
  | { readonly ok: false; readonly is: 'usage' | 'absent'; readonly problem: string };

export type EndedReport = z.infer<typeof INCIDENT_ANSWERS.ended>;
export type LiftedReport = z.infer<typeof INCIDENT_ANSWERS.lifted>;

/** Why, and who says so. */
export interface OrderedBy {
  readonly why: string;
  readonly by: string | undefined;
}

export interface Operator {
  status(): Promise<z.infer<typeof status>>;
  keys(): Promise<readonly SigningKeyView[]>;
  /** What the broker serves of its issuer, byte for byte. */
  documents(): Promise<z.infer<typeof documents>>;
  rotateKeys(algorithm?: SigningAlgorithm): Promise<readonly SigningKeyView[]>;
  /** `why` is put on record. */
  revokeKey(kid: string, order?: OrderedBy): Promise<RevokedKey>;
  block(
    order: OrderedBy & { readonly identity: string; readonly seconds: number | undefined },
  ): Promise<Answered<EndedReport>>;
  unblock(order: Partial<OrderedBy> & { readonly which: string }): Promise<Answered<LiftedReport>>;
  revoke(order: OrderedBy & { readonly what: string; readonly of: string }): Promise<Answered<EndedReport>>;
  /** Blocks and revocations in force. */
  withdrawals(): Promise<readonly Withdrawal[]>;
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
const documents = z.object({
  issuer: z.string(),
  metadata: z.string(),
  jwks: z.string(),
  keys: z.array(key),
  rotateEverySeconds: z.number(),
  publishAheadSeconds: z.number(),
});
const status = z.object({
  digests: z.object({ config: z.string(), policy: z.string() }),
  nowSeconds: z.number(),
  needs: z.record(z.string(), z.boolean()),
  sources: z.array(
    z.object({
      source: z.string(),
      keys: z.object({
        state: z.enum(['fresh', 'stale', 'missing']),
        lastProblem: z.string().optional(),
        fetchedAtSeconds: z.number().optional(),
      }),
    }),
  ),
  workloadApis: z.array(
    z.object({
      socket: z.string(),
      state: z.enum(['connecting', 'connected', 'down']),
      lastProblem: z.string().optional(),
    }),
  ),
  storeEvents: z.record(z.string(), z.number()),
});
const revoked = z.object({
  revoked: key,
  keys: z.array(key),
  unreached: z.array(z.string()),
  recorded: z.boolean(),
  clouds: cloudsAnswer,
});
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
  const command = async <Report>(path: string, order: object, schema: z.ZodType<Report>): Promise<Answered<Report>> => {
    const { status, body } = await client.request('POST', path, order);
    if (status === 200) return { ok: true, report: schema.parse(body) };
    const problem = refused.safeParse(body).data?.error ?? `the broker answered ${status}`;
    if (status === 400) return { ok: false, is: 'usage', problem };
    if (status === 404) return { ok: false, is: 'absent', problem };
    throw new Error(problem);
  };
  return Object.freeze({
    status: () => ask('GET', '/status', status),
    keys: async () => (await ask('GET', '/keys', keys)).keys,
    documents: () => ask('GET', '/documents', documents),
    rotateKeys: async (algorithm?: SigningAlgorithm) =>
      (await ask('POST', `/keys/rotate${algorithm ? `?algorithm=${algorithm}` : ''}`, keys)).keys,
    async revokeKey(kid: string, order?: OrderedBy) {
      const answered = await command(`/keys/${encodeURIComponent(kid)}/revoke`, order ?? {}, revoked);
      if (!answered.ok) throw new Error(answered.problem);
      return answered.report;
    },
    block: (order: Parameters<Operator['block']>[0]) => command('/block', order, INCIDENT_ANSWERS.ended),
    unblock: (order: Parameters<Operator['unblock']>[0]) => command('/unblock', order, INCIDENT_ANSWERS.lifted),
    revoke: (order: Parameters<Operator['revoke']>[0]) => command('/revoke', order, INCIDENT_ANSWERS.ended),
    withdrawals: async () => (await ask('GET', '/withdrawals', INCIDENT_ANSWERS.withdrawals)).withdrawals,
    async decision(id: string) {
      const { status, body } = await client.request('GET', `/decisions/${encodeURIComponent(id)}`);
      return status === 200 ? z.looseObject({}).parse(body) : undefined;
    },
    lastDecision: async () => (await ask('GET', '/decisions?last=1', decisions)).decisions[0],
  });
}
