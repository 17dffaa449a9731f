// The commands that the control socket of `exchequer dev` has and no other: where it is, and a credential by the throw-away key of one
// of its sources. A broker that serves is composed without them and answers 404.

import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { createControlClient } from './client.ts';

/** Where `dev` is reached: its issuer, and the PEM text of its authority. */
export interface DevPlace {
  readonly issuer: string;
  readonly ca: string;
}

export interface SignOrder {
  readonly source: string;
  /** What will be asked for: a rule that allows it says what claims are likely. */
  readonly target: string;
  readonly claims: Readonly<Record<string, string>>;
  /** The client that will ask, and the source of whom will act: which rule is likely hangs on them. */
  readonly client?: string | undefined;
  readonly actor?: string | undefined;
}

/** What else a request has: an actor token, and what authenticates a client. */
export interface BesideOrder {
  readonly target: string;
  /** The source of the subject. */
  readonly subject?: string | undefined;
  readonly client?: string | undefined;
  readonly actor?: { readonly source: string; readonly claims: Readonly<Record<string, string>> } | undefined;
}

type Refused = { readonly ok: false; readonly problem: string };

export interface DevCommands {
  place(): DevPlace;
  /** A credential of this source with these claims, by field name, and what it lacks filled in. */
  sign(order: SignOrder): Promise<{ readonly ok: true; readonly token: string; readonly tokenType: string } | Refused>;
  /** The parameters of a request beside its subject token. */
  beside(
    order: BesideOrder,
  ): Promise<{ readonly ok: true; readonly parameters: Readonly<Record<string, string>> } | Refused>;
}

const claims = z.record(z.string(), z.string());
const order = z.strictObject({
  source: z.string(),
  target: z.string(),
  claims,
  client: z.string().optional(),
  actor: z.string().optional(),
});
const besideOrder = z.strictObject({
  target: z.string(),
  subject: z.string().optional(),
  client: z.string().optional(),
  actor: z.strictObject({ source: z.string(), claims }).optional(),
});

/** Adds the routes of `dev` to its control socket. What is refused is 400, with a sentence. */
export function addDevCommands(app: FastifyInstance, commands: DevCommands): void {
  app.get('/dev', async () => commands.place());
  app.post('/dev/sign', async (request, reply) => {
    const read = order.safeParse(request.body);
    if (!read.success) return reply.code(400).send({ error: 'must be a source, a target and claims, as texts' });
    const signed = await commands.sign(read.data);
    if (!signed.ok) return reply.code(400).send({ error: signed.problem });
    return { ...commands.place(), token: signed.token, tokenType: signed.tokenType };
  });
  app.post('/dev/beside', async (request, reply) => {
    const read = besideOrder.safeParse(request.body);
    if (!read.success) return reply.code(400).send({ error: 'must be a target, with a client or an actor' });
    const made = await commands.beside(read.data);
    if (!made.ok) return reply.code(400).send({ error: made.problem });
    return { ...commands.place(), parameters: made.parameters };
  });
}

export interface SignedAs extends DevPlace {
  /** Good at this `dev` alone. */
  readonly token: string;
  readonly tokenType: string;
}

const place = z.object({ issuer: z.string(), ca: z.string() });
const signed = place.extend({ token: z.string(), tokenType: z.string() });
const beside = place.extend({ parameters: claims });
const refused = z.object({ error: z.string() });

/** Where the `dev` behind this socket is. Rejects where it cannot be asked. */
export const devPlace = async (socket: string): Promise<DevPlace> =>
  place.parse((await createControlClient(socket).request('GET', '/dev')).body);

/** A credential by the `dev` behind this socket. Rejects with why there is none. */
export const signAs = async (socket: string, asked: SignOrder): Promise<SignedAs> =>
  signed.parse(await ask(socket, '/dev/sign', asked));

/** What else a request has. Rejects with why there is none. */
export const besideAs = async (
  socket: string,
  asked: BesideOrder,
): Promise<DevPlace & { readonly parameters: Readonly<Record<string, string>> }> =>
  beside.parse(await ask(socket, '/dev/beside', asked));

async function ask(socket: string, path: string, asked: object): Promise<unknown> {
  const { status, body } = await createControlClient(socket).request('POST', path, asked);
  if (status === 200) return body;
  if (status === 404) throw new Error(`what answers on ${socket} signs for nobody: is this \`exchequer dev\`?`);
  throw new Error(refused.safeParse(body).data?.error ?? `dev answered ${status}`);
}
