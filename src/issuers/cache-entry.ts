// A credential that is kept: what the cloud gave, which decision it was made for, and all that may end it before it ends by itself. Says
// whom it may still be given to: nobody may have it for longer than a cloud would be asked for now, after the credential that it was made
// from has ended, or after a block or a revocation that concerns whom it was made for; and it must have life left for clients that ask
// again early.

import { z } from 'zod';
import { LEEWAY_SECONDS } from '../core/limits.ts';
import { CACHED_AHEAD_SHARE, CACHED_LIFE_SECONDS_MIN, CACHED_LIFE_SHARE_MIN } from '../core/limits-cloud.ts';
import type { Issued, IssueOrder, Withdrawals } from '../core/ports.ts';
import type { Standing } from '../core/withdrawal.ts';
import { SESSION } from './remembered.ts';

export interface CacheEntry {
  readonly issued: Issued;
  /** The decision that it was made for. */
  readonly madeFor: string;
  /** When the cloud was asked, and until when it was asked for; seconds since the epoch, as all times here. */
  readonly askedAt: number;
  readonly askedUntil: number;
  /** When the first of the credentials ends that it was made from. */
  readonly credentialsEnd: number;
  readonly standing: Standing;
}

export const entryOf = (order: IssueOrder, issued: Issued): CacheEntry => ({
  issued,
  madeFor: order.id,
  askedAt: order.issuedAt,
  askedUntil: order.expiresAt,
  credentialsEnd: Math.min(
    order.grant.subject.proof.expiresAt,
    order.grant.actor?.proof.expiresAt ?? Number.MAX_SAFE_INTEGER,
  ),
  standing: order.standing,
});

/** When nobody may have it any more. */
export const endOf = ({ issued, credentialsEnd }: CacheEntry): number => Math.min(issued.expiresAt, credentialsEnd);

/** Whether it may be given to whoever has this order. Throws StoreUnavailable where nobody can know. */
export function mayHave(entry: CacheEntry, order: IssueOrder, now: number, withdrawals: Withdrawals): boolean {
  const { askedAt, askedUntil, issued, standing } = entry;
  if (endOf(entry) <= now || Math.min(askedUntil, issued.expiresAt) > latestEnd(order, now)) return false;
  // The cloud's clock may be ahead of ours; by no more than the recheck lets pass.
  if (issued.expiresAt > order.expiresAt + LEEWAY_SECONDS) return false;
  // Whatever was withdrawn since it was made: it is younger than the credential that it was made from, and older than the one presented now.
  const parties = standing.parties.map((party) => ({ ...party, issuedAtSeconds: askedAt }));
  return withdrawals.against({ ...standing, parties }, now) === undefined;
}

/** The latest that anything made for the order now may end: some time has passed since it was written. */
const latestEnd = ({ grant, expiresAt }: IssueOrder, now: number): number =>
  grant.outlive?.upTo === 'lifetime' ? Math.floor(now) + grant.lifetimeSeconds : expiresAt;

/** Whether it has enough life left to be given to anybody, and whether it is time to have the next one made. */
export function lifeOf(entry: CacheEntry, now: number): { readonly enough: boolean; readonly due: boolean } {
  const { issued, askedAt } = entry;
  const lifetime = issued.expiresAt - askedAt;
  const needed = Math.max(lifetime * CACHED_LIFE_SHARE_MIN, Math.min(lifetime, CACHED_LIFE_SECONDS_MIN));
  const last = Math.min(issued.expiresAt - needed, entry.credentialsEnd);
  return { enough: now <= last, due: last - now < (last - askedAt) * CACHED_AHEAD_SHARE };
}

const seconds = z.number();
const texts = z.array(z.string());
const kept = z.strictObject({
  issued: z.strictObject({
    token: z.string(),
    tokenType: z.enum(['Bearer', 'DPoP', 'N_A']),
    expiresAt: seconds,
    cloud: z.union([
      z.strictObject({
        cloud: z.literal('aws'),
        session: SESSION,
        accessKeyId: z.string(),
        secretAccessKey: z.string(),
        sessionToken: z.string(),
        assumedRoleId: z.string(),
        role: z.string(),
        packedPolicySize: z.number().exactOptional(),
      }),
      z.strictObject({ cloud: z.enum(['gcp', 'azure']), session: SESSION, accessToken: z.string() }),
    ]),
  }),
  madeFor: z.string(),
  askedAt: seconds,
  askedUntil: seconds,
  credentialsEnd: seconds,
  standing: z.strictObject({
    parties: z.array(
      z.strictObject({
        name: z.string(),
        role: z.enum(['subject', 'actor', 'client']),
        issuedAtSeconds: z.number().optional(),
      }),
    ),
    tokens: texts,
    ancestors: texts,
    keys: texts.exactOptional(),
  }),
});

/** Secret. */
export function writeEntry(entry: CacheEntry): string {
  const { issuedTokenType: _, ...issued } = entry.issued;
  return JSON.stringify({ ...entry, issued });
}

/** What was written, for an order of that token type; undefined where another version of this program wrote it. */
export function readEntry(
  text: string,
  { issuedTokenType }: Pick<IssueOrder, 'issuedTokenType'>,
): CacheEntry | undefined {
  const read = kept.safeParse(JSON.parse(text));
  if (!read.success) return undefined;
  const { issued, standing, ...rest } = read.data;
  const parties = standing.parties.map(({ issuedAtSeconds, ...party }) => ({ ...party, issuedAtSeconds }));
  return { ...rest, standing: { ...standing, parties }, issued: { ...issued, issuedTokenType } };
}
