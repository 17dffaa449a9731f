// The names of everything that is kept in Redis. Spent credentials have a key each, spread over a Cluster; what belongs to blocks and
// revocations shares one hash tag, so that one script sees all of it.

/** Of one spent credential; `hash` is its claim key (claim-key.ts). */
export const claimKeyIn = (prefix: string, hash: string): string => `${prefix}:spent:${hash}`;

/** Of one secret; its name says nothing of what it holds. */
export const secretKeyIn = (prefix: string, name: string): string => `${prefix}:secret:${name}`;

/** Of blocks and revocations, in the order that the scripts take them. */
export const withdrawalKeys = (prefix: string): readonly string[] =>
  ['state', 'log', 'ids', 'ends', 'marks', 'replicas'].map((name) => `{${prefix}:withdrawals}:${name}`);
