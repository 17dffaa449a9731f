// What the tests of credentials share: a broker whose issuers' keys are the test's own, and the verdict on one token, or on
// very many, as the caller and the records tell it.

import { expect } from 'vitest';
import { createAttack } from '../support/attack.ts';
import { startTestBroker, type TestBroker, type TestBrokerOptions } from '../support/broker.ts';
import type { Json } from '../support/forge.ts';

export interface Proving {
  readonly broker: TestBroker;
  /** `granted`, or the refusal's status, error and recorded reason. */
  ask(token: string, more?: Form): Promise<string>;
  /** The name under which a token was proved, whatever policy said then; else how it was refused. */
  prove(token: string, more?: Form): Promise<string>;
  /** How many of these tokens ended with each recorded reason; `granted` for no reason. Coalesced refusals are counted too. */
  tally(tokens: readonly string[]): Promise<Readonly<Record<string, number>>>;
  /** `aud`, `iat` and `exp` of a good token. */
  times(): { readonly aud: string; readonly iat: number; readonly exp: number };
  stop(): Promise<void>;
}

type Form = Readonly<Record<string, string | readonly string[] | undefined>>;

/** `sources` are lines of `trust:`, written beside those of the plain test broker. */
export async function startProving(
  sources: readonly string[],
  options: Omit<TestBrokerOptions, 'config'> = {},
): Promise<Proving> {
  const lines = sources.map((line) => `  ${line}\n`).join('');
  const broker = await startTestBroker({
    ...options,
    config: (yaml) => yaml.replace('targets:\n', `${lines}targets:\n`),
  });
  const attack = createAttack(broker);
  const ask: Proving['ask'] = async (token, more) => {
    const verdict = await attack.exchange(token, more);
    return verdict === '200' ? 'granted' : verdict;
  };

  return Object.freeze({
    broker,
    ask,
    async prove(token: string, more?: Form) {
      const verdict = await ask(token, more);
      const subject = broker.records().at(-1)?.subject as { readonly name: string } | undefined;
      return subject?.name ?? verdict;
    },
    async tally(tokens: readonly string[]) {
      const before = reasons(broker);
      for (let at = 0; at < tokens.length; at += AT_ONCE) {
        const answers = await Promise.all(tokens.slice(at, at + AT_ONCE).map((token) => broker.exchange(token)));
        for (const { status, body } of answers)
          if (status !== 200) expect([status, body.error]).toEqual([400, 'invalid_request']);
      }
      const counted = () => difference(reasons(broker), before);
      // A second's coalesced refusals are written when the second ends.
      await expect.poll(() => sum(counted()), { timeout: 15_000 }).toBe(tokens.length);
      return counted();
    },
    times: () => ({ aud: broker.issuer, iat: broker.now(), exp: broker.now() + 300 }),
    stop: () => broker.stop(),
  });
}

const AT_ONCE = 50;

type Counts = Readonly<Record<string, number>>;

function reasons(broker: TestBroker): Counts {
  const counts: Record<string, number> = {};
  const add = (reason: string, count: number) => {
    counts[reason] = (counts[reason] ?? 0) + count;
  };
  for (const record of broker.records()) {
    if (record.event === 'exchange') add(String(record.reason ?? 'granted'), 1);
    if (record.event === 'refusals')
      for (const [reason, count] of Object.entries(record.reasons as Counts)) add(reason, count);
  }
  return counts;
}

const difference = (after: Counts, before: Counts): Counts =>
  Object.fromEntries(
    Object.entries(after)
      .map(([reason, count]): [string, number] => [reason, count - (before[reason] ?? 0)])
      .filter(([, count]) => count > 0),
  );

const sum = (counts: Counts): number => Object.values(counts).reduce((total, count) => total + count, 0);

/** Without the members that are undefined. */
export const defined = (object: Json): Json =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
