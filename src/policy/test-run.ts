// Tests of a policy (`tests:` in its files), run by `check`: who gets what, and who does not. Principals are assumed, never proved; what a
// token says of who acted, who may act and how a person authenticated is read from the claims as it is from a token, and a source's
// `require` counts as it does in proving. A test that does not hold is a problem at its line, with the rule that came nearest.

import type { AskingClient, Question } from '../core/decision.ts';
import { delegationOf } from '../core/delegation.ts';
import type { JsonObject } from '../core/json.ts';
import type { Policy, Verifiers } from '../core/ports.ts';
import type { Carried, Principal } from '../core/principal.ts';
import type { CredentialRefusal, PolicyRefusal, Result } from '../core/refusal.ts';
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
  /** What a token of a source with these claims says beside who it is about. */
  readonly carried: (source: string, claims: JsonObject) => Result<Carried | undefined, CredentialRefusal>;
  readonly whoIs: Verifiers['whoIs'];
  /** Seconds since the epoch. */
  readonly now: number;
}

const NO_RULE = 'no rule';
const DENY = 'deny';
const CONFIRM = 'confirm';

/** Runs every test; a problem for each that does not hold. */
export function runTests(compiled: CompiledPolicy, tests: readonly PolicyTest[], world: TestWorld): readonly Problem[] {
  const run: Run = { ...world, compiled, policy: createPolicy(compiled) };
  return tests.flatMap((test) => {
    const problem = testProblem(run, test);
    return problem === undefined ? [] : [{ ...test.place, message: `${test.written.name}: ${problem}` }];
  });
}

interface Run extends TestWorld {
  readonly compiled: CompiledPolicy;
  readonly policy: Policy;
}

function testProblem(run: Run, { written }: PolicyTest): string | undefined {
  const { compiled, policy, clients, now } = run;
  const client = clients.find(({ id }) => id === written.client);
  if (written.client !== undefined && !client) return `${written.client} is no client`;
  if (!isKnown(compiled, written.expect)) return `expects ${written.expect}, and there is no such rule`;
  const subject = assumed(run, written.as);
  if (typeof subject === 'string') return subject;
  const actor = written.actor && assumed(run, written.actor);
  if (typeof actor === 'string') return `actor: ${actor}`;
  const unmet = subject.unmet ?? actor?.unmet;
  if (unmet !== undefined) return said(written.expect, NO_RULE, unmet);

  const parties = { subject: subject.principal, actor: actor?.principal, client };
  const carried = run.carried(written.as.trust, subject.principal.claims);
  if (!carried.ok) return said(written.expect, NO_RULE, credentialWords(carried.refusal));
  const delegation = delegationOf({ ...parties, carried: carried.value }, run.whoIs);
  if (typeof delegation === 'string') return said(written.expect, NO_RULE, delegation);
  const scopes = written.scope === undefined ? undefined : written.scope.split(' ').filter((scope) => scope !== '');
  const question: Question<Principal> = {
    subject: subject.principal,
    client,
    // Whether the caller holds a key is no matter of policy: a test is about who, and not about how.
    binding: { key: { jkt: 'assumed' }, required: false },
    delegation,
    ask: { targets: [written.ask], scopes },
    now,
  };
  const decision = policy.decide(question);
  if (decision.granted) return said(written.expect, decision.grant.rule.name, undefined);
  const { refusal } = decision;
  return said(
    written.expect,
    gotOf(refusal),
    whyOf(refusal, () => wantedWhy(compiled, question, written.expect)),
  );
}

const credentialWords = (refusal: CredentialRefusal): string =>
  'claim' in refusal ? `${refusal.reason}: ${refusal.claim}` : refusal.reason;

/** What a refusal is called by a test. */
function gotOf({ reason }: PolicyRefusal): string {
  if (reason === 'target_denied') return DENY;
  return reason === 'confirmation_wanted' ? CONFIRM : NO_RULE;
}

const isKnown = ({ rules }: CompiledPolicy, expected: string): boolean =>
  [NO_RULE, DENY, CONFIRM].includes(expected) || rules.some(({ name }) => name === expected);

interface Assumed {
  readonly principal: Principal;
  /** What of its source's `require` does not hold. */
  readonly unmet: string | undefined;
}

/** Whoever would have these claims; or why nobody would. */
function assumed(
  { compiled, tables, now }: Run,
  { trust, claims: fields, authenticated }: PolicyTest['written']['as'],
): Assumed | string {
  const source = compiled.sources.find(({ name }) => name === trust);
  const table = tables.get(trust);
  if (!source || !table) return `${trust} is no trust source`;
  const strange = strangeClaim(table, fields, ruledPaths(compiled, source));
  if (strange !== undefined) return strange;
  // A test holds as long as its policy: a time of day would not.
  const time = authenticated === undefined ? {} : { auth_time: Math.floor(now) - authenticated };
  const claims = claimsOfFields(table, { ...fields, ...time });
  const unmet = firstUnmet(source.require, claims);
  const { kind, issuer } = source;
  const subject = typeof claims.sub === 'string' ? claims.sub : '';
  const name = ['spiffe', 'self'].includes(kind) ? subject : `${trust}:${subject}`;
  return {
    principal: { source: trust, kind, issuer, subject, name, claims },
    unmet: unmet === undefined ? undefined : `require of ${trust} does not hold: ${unmet}`,
  };
}

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
