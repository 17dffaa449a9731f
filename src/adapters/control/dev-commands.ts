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
}

export interface DevCommands {
  place(): DevPlace;
  /** A credential of this source with these claims, by field name, and what it lacks filled in. */
  sign(
    order: SignOrder,
  ): Promise<
    | { readonly ok: true; readonly token: string; readonly tokenType: string }
    | { readonly ok: false; readonly problem: string }
  >;
}

const order = z.strictObject({ source: z.string(), target: z.string(), claims: z.record(z.string(), z.string()) });

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
}

export interface SignedAs extends DevPlace {
  /** Good at this `dev` alone. */
  readonly token: string;
  readonly tokenType: string;
}

const place = z.object({ issuer: z.string(), ca: z.string() });
const signed = place.extend({ token: z.string(), tokenType: z.string() });
const refused = z.object({ error: z.string() });

/** Where the `dev` behind this socket is. Rejects where it cannot be asked. */
export const devPlace = async (socket: string): Promise<DevPlace> =>
  place.parse((await createControlClient(socket).request('GET', '/dev')).body);

/** A credential by the `dev` behind this socket. Rejects with why there is none. */
export async function signAs(socket: string, asked: SignOrder): Promise<SignedAs> {
  const { status, body } = await createControlClient(socket).request('POST', '/dev/sign', asked);
  if (status === 200) return signed.parse(body);
  if (status === 404) throw new Error(`what answers on ${socket} signs for nobody: is this \`exchequer dev\`?`);
  throw new Error(refused.safeParse(body).data?.error ?? `dev answered ${status}`);
}
