// Tests of a policy (`tests:` in its files), run by `check`: who gets what, and who does not. The principal is assumed, never proved; a
// source's `require` counts as it does in proving. A test that does not hold is a problem at its line, with the rule that came nearest.

import { type AskingClient, NOBODY_ACTS, type Question } from '../core/decision.ts';
import type { JsonObject } from '../core/json.ts';
import type { Policy } from '../core/ports.ts';
import type { Principal } from '../core/principal.ts';
import type { PolicyRefusal } from '../core/refusal.ts';
import type { Problem } from '../parsing/yaml.ts';
import type { PlatformTable } from '../platforms/table.ts';
import type { PolicyTest } from './compile/compile.ts';
import { firstUnmet } from './compile/match.ts';
import type { CompiledPolicy } from './compiled.ts';
import { createPolicy } from './decide.ts';
import { explainQuestion } from './explain/explain.ts';
import { claimsOfFields, ruledPaths, strangeClaim } from './test-claims.ts';

/** What tests are run against, beside the policy. */
export interface TestWorld {
  readonly clients: readonly AskingClient[];
  /** The tables of the sources' kinds, by the names of the sources. */
  readonly tables: ReadonlyMap<string, PlatformTable>;
  /** Seconds since the epoch. */
  readonly now: number;
}

const NO_RULE = 'no rule';
const DENY = 'deny';

/** Runs every test; a problem for each that does not hold. */
export function runTests(compiled: CompiledPolicy, tests: readonly PolicyTest[], world: TestWorld): readonly Problem[] {
  const policy = createPolicy(compiled);
  return tests.flatMap((test) => {
    const problem = testProblem(compiled, policy, test, world);
    return problem === undefined ? [] : [{ ...test.place, message: `${test.written.name}: ${problem}` }];
  });
}

function testProblem(
  compiled: CompiledPolicy,
  policy: Policy,
  { written }: PolicyTest,
  { clients, tables, now }: TestWorld,
): string | undefined {
  const { trust } = written.as;
  const source = compiled.sources.find(({ name }) => name === trust);
  const table = tables.get(trust);
  if (!source || !table) return `${trust} is no trust source`;
  const client = clients.find(({ id }) => id === written.client);
  if (written.client !== undefined && !client) return `${written.client} is no client`;
  if (!isKnown(compiled, written.expect)) return `expects ${written.expect}, and there is no such rule`;
  const strange = strangeClaim(table, written.as.claims, ruledPaths(compiled, source));
  if (strange !== undefined) return strange;
  const claims = claimsOfFields(table, written.as.claims);
  const unmet = firstUnmet(source.require, claims);
  if (unmet !== undefined) return said(written.expect, NO_RULE, `require of ${trust} does not hold: ${unmet}`);

  const scopes = written.scope === undefined ? undefined : written.scope.split(' ').filter((scope) => scope !== '');
  const question: Question<Principal> = {
    subject: assumed(trust, source, claims),
    client,
    // Whether the caller holds a key is no matter of policy: a test is about who, and not about how.
    binding: { key: { jkt: 'assumed' }, required: false },
    delegation: NOBODY_ACTS,
    ask: { targets: [written.ask], scopes },
    now,
  };
  const decision = policy.decide(question);
  if (decision.granted) return said(written.expect, decision.grant.rule.name, undefined);
  const { refusal } = decision;
  return said(
    written.expect,
    refusal.reason === 'target_denied' ? DENY : NO_RULE,
    whyOf(refusal, () => wantedWhy(compiled, question, written.expect)),
  );
}

const isKnown = ({ rules }: CompiledPolicy, expected: string): boolean =>
  expected === NO_RULE || expected === DENY || rules.some(({ name }) => name === expected);

const assumed = (
  trust: string,
  { kind, issuer }: { readonly kind: string; readonly issuer: string },
  claims: JsonObject,
): Principal => {
  const subject = typeof claims.sub === 'string' ? claims.sub : '';
  return { source: trust, kind, issuer, subject, name: kind === 'spiffe' ? subject : `${trust}:${subject}`, claims };
};

function said(expected: string, got: string, why: string | undefined): string | undefined {
  if (expected === got) return undefined;
  return `expected ${expected}, got ${got}${why === undefined ? '' : ` (${why})`}`;
}

/** What the rule lacks that a test expects; undefined where it expects none. Slow, and for tests that do not hold alone. */
function wantedWhy(compiled: CompiledPolicy, question: Question<Principal>, expected: string): string | undefined {
  const { rules, cause } = explainQuestion(compiled, question);
  const wanted = rules.find(({ rule }) => rule === expected);
  if (!wanted) return undefined;
  const { rule, failed, mode, ended } = wanted;
  if (!failed) return ended ? `${rule} has ended` : `the mode of ${rule} is ${mode}`;
  // A target that does not exist is in no trace.
  const unknown = failed.part === 'target' && cause?.what === 'target' ? cause : undefined;
  const { what, presented, expected: must } = unknown ?? failed;
  const hint = unknown?.hint === undefined ? '' : `; ${unknown.hint}`;
  return `nearest ${rule}: ${what} was ${presented ?? 'absent'}, must be ${must}${hint}`;
}

function whyOf(refusal: PolicyRefusal, wanted: () => string | undefined): string {
  switch (refusal.reason) {
    case 'target_denied':
      return refusal.rule;
    case 'no_rule':
    case 'target_not_allowed':
    case 'scope_not_allowed':
    case 'confirmation_wanted': {
      const { nearest } = refusal;
      const why = wanted();
      if (why !== undefined) return `${refusal.reason}; ${why}`;
      if (!nearest) return refusal.reason;
      return `${refusal.reason}; nearest ${nearest.rule}: ${nearest.what} was ${nearest.presented ?? 'absent'}, must be ${nearest.expected}`;
    }
    case 'target_ambiguous':
      return `${refusal.reason}: ${refusal.rules.join(', ')}`;
    case 'target_unknown': {
      const why = wanted();
      return why === undefined ? refusal.reason : `${refusal.reason}; ${why}`;
    }
    case 'targets_differ':
    case 'target_requirement_unmet':
      return refusal.reason;
  }
}
