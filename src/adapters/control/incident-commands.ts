// The commands for incidents on the control socket: block, unblock, revoke, and what is in force. Reads what operators write, and says
// what came of it and what no command reaches. Both ends are here, so that they agree on every member.

import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import type { CloudReach } from '../../core/cloud.ts';
import type { Command, Ended, Incidents } from '../../core/incidents.ts';
import { WITHDRAWAL_NAME_BYTES_MAX, WITHDRAWAL_WHY_CHARACTERS_MAX } from '../../core/limits-delegation.ts';
import type { Withdrawal } from '../../core/withdrawal.ts';
import { handleOf } from '../../parsing/token-handle.ts';
import { type IdentityRead, type KnownNames, readBlocked, readRevoked, readToken } from './identities.ts';

/** What the commands need beside the operation itself. */
export interface IncidentHandlers extends Incidents {
  /** Of the configuration that runs now. */
  known(): KnownNames;
  /** Whose tokens have decision ids as `jti`. */
  issuer(): string;
  /** Until when a token that was issued by now can be taken by whoever verifies it offline, in seconds since the epoch. */
  offlineUntilSeconds(): number;
  /** What clouds were asked for until now. */
  clouds(): readonly CloudReach[];
}

const by = z.string().min(1).max(256).default('control');
const why = z
  .string()
  .max(WITHDRAWAL_WHY_CHARACTERS_MAX)
  .refine((text) => text.trim() !== '' && text.isWellFormed(), 'must say something');
const identity = z.string().max(WITHDRAWAL_NAME_BYTES_MAX);
const what = z.enum(['token', 'chain', 'subject', 'actor', 'client']);
const blockOrder = z.strictObject({ identity, why, by, seconds: z.int().min(1).max(10_000_000_000).optional() });
const unblockOrder = z.strictObject({ which: identity, why: why.default('unblocked'), by });
const keyOrder = z.strictObject({ why: why.default('keys revoke'), by });
const revokeOrder = z.strictObject({ what, of: identity, why, by });

/** Adds the routes. What cannot be meant is 400, with a sentence; what is not there is 404. */
export function addIncidentCommands(app: FastifyInstance, handlers: IncidentHandlers): void {
  app.get('/withdrawals', async () => ({ withdrawals: handlers.inForce() }));
  app.post('/block', async (request, reply) => {
    const order = blockOrder.safeParse(request.body);
    if (!order.success) return refused(reply, order.error);
    const { seconds, ...command } = order.data;
    const read = readBlocked(order.data.identity, handlers.known());
    if (!read.ok) return reply.code(400).send({ error: read.problem });
    return ended(handlers, read, (one) => handlers.block(one, seconds, commandOf(command)));
  });
  app.post('/unblock', async (request, reply) => {
    const order = unblockOrder.safeParse(request.body);
    if (!order.success) return refused(reply, order.error);
    const { which } = order.data;
    const command = commandOf(order.data);
    const byId = await handlers.unblock({ id: which }, command);
    const read = byId.length === 0 ? readBlocked(which, handlers.known()) : undefined;
    const lifted = read?.ok ? await handlers.unblock({ identities: read.identities }, command) : byId;
    return lifted.length > 0
      ? { lifted }
      : reply.code(404).send({ error: `no block has the id or the identity ${which}` });
  });
  app.post('/revoke', async (request, reply) => {
    const order = revokeOrder.safeParse(request.body);
    if (!order.success) return refused(reply, order.error);
    const { what: kind, of } = order.data;
    const read =
      kind === 'token' || kind === 'chain' ? handleRead(of, handlers) : readRevoked(kind, of, handlers.known());
    if (!read.ok) return reply.code(400).send({ error: read.problem });
    return ended(handlers, read, (one) => handlers.revoke(kind, one, commandOf(order.data)));
  });
}

const commandOf = ({ why: reason, by: who }: Command): Command => ({ why: reason, by: who });

function handleRead(of: string, handlers: IncidentHandlers): IdentityRead {
  const read = readToken(of);
  if (!read.ok) return read;
  return { ok: true, identities: [read.by === 'jti' ? handleOf(handlers.issuer(), of) : of], notes: [] };
}

async function ended(
  handlers: IncidentHandlers,
  { identities, notes }: Extract<IdentityRead, { ok: true }>,
  end: (identity: string) => Promise<Ended>,
): Promise<object> {
  const done = await Promise.all(identities.map(end));
  return {
    ended: done.map(({ withdrawal: one, already }) => ({ withdrawal: one, already })),
    unreached: [...new Set(done.flatMap((one) => one.unreached))],
    recorded: done.every(({ recorded }) => recorded),
    offlineUntilSeconds: handlers.offlineUntilSeconds(),
    clouds: handlers.clouds(),
    notes,
  };
}

/** Who revokes a key, and why: `keys revoke` asks neither. */
export function readKeyOrder(
  body: unknown,
): { readonly ok: true; readonly command: Command } | { readonly ok: false; readonly problem: string } {
  const order = keyOrder.safeParse(body ?? {});
  return order.success ? { ok: true, command: order.data } : { ok: false, problem: problemOf(order.error) };
}

const refused = (reply: FastifyReply, error: z.ZodError) => reply.code(400).send({ error: problemOf(error) });
const problemOf = ({ issues }: z.ZodError): string =>
  issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');

const common = { id: z.string(), why: z.string(), atSeconds: z.number(), untilSeconds: z.number().optional() };
const withdrawal = z
  .union([
    z.object({ ...common, kind: z.literal('block'), identity: z.string() }),
    z.object({ ...common, kind: z.literal('revocation'), what: z.enum([...what.options, 'key']), of: z.string() }),
  ])
  .transform((one): Withdrawal => ({ untilSeconds: undefined, ...one }));
const unreached = z.array(z.string());
/** A broker of an earlier version says nothing of clouds. */
export const cloudsAnswer = z
  .array(
    z
      .object({
        cloud: z.enum(['aws', 'gcp', 'azure']),
        principals: z.array(z.string()),
        untilSeconds: z.number().optional(),
      })
      .transform((one): CloudReach => ({ untilSeconds: undefined, ...one })),
  )
  .default([]);

/** What the control socket answers, for its client. */
export const INCIDENT_ANSWERS = {
  withdrawals: z.object({ withdrawals: z.array(withdrawal) }),
  ended: z.object({
    ended: z.array(z.object({ withdrawal, already: z.boolean() })),
    unreached,
    recorded: z.boolean(),
    offlineUntilSeconds: z.number(),
    clouds: cloudsAnswer,
    notes: z.array(z.string()),
  }),
  lifted: z.object({ lifted: z.array(z.object({ withdrawal, unreached })) }),
};
