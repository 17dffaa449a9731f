// Tokens as platforms issue them (test/vectors/platform-claims.json), through configuration, verifier and policy: each is proved by its
// own source alone and accepted by its own rule alone; each claim that its kind requires is missed by the exact reason.

import { beforeAll, describe, expect, it } from 'vitest';
import { TRUST_KINDS } from '../../src/compose-kinds.ts';
import type { Json, JsonObject } from '../../src/core/json.ts';
import { JWT_TOKEN_TYPE } from '../../src/core/request.ts';
import { fieldPath, type PlatformTable } from '../../src/platforms/table.ts';
import { createPolicy } from '../../src/policy/decide.ts';
import type { SourceVerifier } from '../../src/verifiers/kind.ts';
import { createVerifiers } from '../../src/verifiers/registry.ts';
import {
  DECK,
  DECK_NOW,
  DECK_SOURCES,
  type Deck,
  type DeckCard,
  loadDeck,
  PLATFORM_CLAIMS,
} from '../support/platform-deck.ts';
import { question } from '../support/policy.ts';

const claimsOf = (name: string): JsonObject => PLATFORM_CLAIMS[name] ?? {};
const tableOf = ({ kind }: DeckCard): PlatformTable => {
  const found = TRUST_KINDS.find((one) => one.kind === kind);
  if (!found) throw new Error(`no kind ${kind}`);
  return found.table;
};

let deck: Deck;
beforeAll(async () => {
  deck = await loadDeck();
});

const verifierOf = (source: string, from: Deck = deck): SourceVerifier => {
  const found = from.configuration.sources.find(({ config }) => config.name === source);
  if (!found) throw new Error(`no source ${source}`);
  return found.verifier;
};

/** Signed with the source's own key and given to these verifiers. */
async function present(source: string, claims: JsonObject, verifiers = deck.configuration.verifiers) {
  const key = deck.keys.get(source);
  if (!key) throw new Error(`no key of ${source}`);
  const text = await key.sign({ ...claims });
  return verifiers.verify({ text, tokenType: JWT_TOKEN_TYPE }, 'subject', DECK_NOW);
}

/** The name that claims get, or the reason for none with the claim that it names. */
function assumed(source: string, claims: JsonObject, from: Deck = deck): string {
  const result = verifierOf(source, from).assume(claims);
  if (result.ok) return result.value.name;
  const { refusal } = result;
  return 'claim' in refusal ? `${refusal.reason} ${refusal.claim}` : refusal.reason;
}

/** A copy with another value at a path; undefined removes it. */
function changed(claims: JsonObject, [name = '', ...rest]: readonly string[], value: Json | undefined): JsonObject {
  const inner = claims[name];
  const next = rest.length === 0 ? value : changed(typeof inner === 'object' ? (inner as JsonObject) : {}, rest, value);
  const { [name]: _gone, ...others } = claims;
  return next === undefined ? others : { ...others, [name]: next };
}

describe('every kind of source', () => {
  it('is in the deck but plain OpenID Connect, of which nothing is known, signed requests, which have no claims of their own, and our own tokens', () => {
    const kinds = new Set(Object.values(DECK).map(({ kind }) => kind));
    expect(TRUST_KINDS.map(({ kind }) => kind).filter((kind) => !kinds.has(kind))).toEqual([
      'oidc',
      'aws-caller-identity',
      'self',
    ]);
    expect(Object.keys(PLATFORM_CLAIMS).filter((name) => !DECK[name])).toEqual(['github-pull-request-target-attack']);
  });

  it.each(Object.entries(DECK))('%s is proved and accepted by its own rule, and by no other', async (name, card) => {
    const result = await present(card.source, claimsOf(name));
    if (!result.ok) throw new Error(JSON.stringify(result.refusal));
    expect(result.value).toMatchObject({ source: card.source, kind: card.kind, name: card.name });
    expect(assumed(card.source, claimsOf(name))).toBe(card.name);
    const decision = createPolicy(deck.configuration.compiled).decide(question(result.value, 'deploy'));
    expect(decision.granted && decision.grant.rule.name).toBe(name);
    expect(decision.trace.filter(({ failed }) => !failed).map(({ rule }) => rule)).toEqual([name]);
  });

  it.each(Object.entries(DECK))('%s proves nothing to the source of any other kind', async (name, card) => {
    for (const [, other] of DECK_SOURCES.filter(([, { source }]) => source !== card.source)) {
      const alone = createVerifiers([verifierOf(other.source)], 'https://broker.example.com');
      const result = await present(card.source, claimsOf(name), alone);
      expect(!result.ok && result.refusal.reason, other.source).toBe('issuer_unknown');
      // And with the other's issuer, in the key of its own: it is the other's key that proves.
      const { iss } = claimsOf(DECK_SOURCES.find(([, { source }]) => source === other.source)?.[0] ?? '');
      const posing = await present(card.source, { ...claimsOf(name), iss: iss ?? null }, alone);
      expect(posing.ok, other.source).toBe(false);
    }
  });

  it('A-108: a run that outsiders can start is refused by the source, and by both rules where the source lets it in', async () => {
    const attack = claimsOf('github-pull-request-target-attack');
    expect(assumed('github', attack)).toBe('claim_forbidden event_name');
    const options = 'require: { repository_owner_id: 65, event_name: [push, workflow_dispatch, pull_request_target] }';
    const open = await loadDeck({ github: options }, deck.keys);
    const result = verifierOf('github', open).assume(attack);
    if (!result.ok) throw new Error(result.refusal.reason);
    const decision = createPolicy(open.configuration.compiled).decide(question(result.value, 'deploy'));
    expect(decision).toMatchObject({ granted: false, refusal: { reason: 'no_rule' } });
    expect(decision.trace.map(({ rule, failed }) => [rule, failed?.what])).toEqual([
      ['github-push-legacy-sub', 'event_name'],
      ['github-env-immutable-sub-reusable', 'environment'],
    ]);
  });
});

const FIELDS = DECK_SOURCES.flatMap(([name, card]) =>
  Object.entries(tableOf(card).claims).map(([field, row]) => ({
    name,
    card,
    field,
    row,
    path: fieldPath(tableOf(card), field),
  })),
);
const WRONG: Readonly<Record<string, Json>> = { text: 74, number: '74', boolean: 'true', texts: 'one' };

describe('a claim that a kind requires', () => {
  const required = FIELDS.filter(({ row }) => row.required);

  it('exists for every kind', () => {
    expect(new Set(required.map(({ card }) => card.kind)).size).toBe(TRUST_KINDS.length - 3);
  });

  it.each(required)('$card.kind $field: a token without it is refused', ({ name, card, field, path }) => {
    const missing = path.join() === 'sub' ? 'sub' : field;
    expect(assumed(card.source, changed(claimsOf(name), path, undefined))).toBe(`claim_missing ${missing}`);
    expect(assumed(card.source, claimsOf(name))).toBe(card.name);
  });

  it.each(required)(
    'A-57 $card.kind $field: a value of another type is refused',
    ({ name, card, field, row, path }) => {
      const wrong = card.kind === 'fly' && /_id$/.test(field) ? true : (WRONG[row.type] ?? null);
      const named = path.join() === 'sub' ? 'sub' : field;
      expect(assumed(card.source, changed(claimsOf(name), path, wrong))).toBe(`claim_invalid ${named}`);
      if (row.type === 'text')
        expect(assumed(card.source, changed(claimsOf(name), path, ''))).toBe(`claim_invalid ${named}`);
    },
  );
});

describe('a value that is forbidden', () => {
  const forbidden = FIELDS.flatMap((found) => (found.row.forbidden ?? []).map((value) => ({ ...found, value })));
  /** A run has a phase or a deployment: the other kind of token, to have the claim at all. */
  const base = (name: string, field: string): JsonObject =>
    field === 'operation' ? stackClaims(claimsOf(name)) : claimsOf(name);

  it.each(forbidden)('$card.kind $field $value is refused, unless require lists it', async (found) => {
    const { name, card, field, path, value } = found;
    const claims = changed(base(name, field), path, value);
    expect(assumed(card.source, claims)).toBe(`claim_forbidden ${field}`);
    const options = card.options?.replace('require: { ', `require: { ${field}: [${value}, other], `);
    const listing = options === card.options ? `${options}, require: { ${field}: [${value}] }` : (options ?? '');
    expect(assumed(card.source, claims, await loadDeck({ [card.source]: listing }, deck.keys))).not.toContain('claim');
  });
});

/** A deployment of a stack, instead of a run of a workspace. */
function stackClaims({ terraform_workspace_id: _w, terraform_run_phase: _p, ...claims }: JsonObject): JsonObject {
  return {
    ...claims,
    terraform_stack_id: 'st-1',
    terraform_stack_deployment_name: 'prod:eu',
    terraform_operation: 'apply',
  };
}

/** Claims of one run and no identity. */
const OF_A_RUN =
  /^(?:jti|sha|run_id|run_number|job_id|build_commit|terraform_run_id|runId|stepUuid|pipelineUuid|machine_name|machine_id|uti|rpo_ver|.*\/(?:job|workflow|pipeline)-id)$/;

describe('names', () => {
  it.each(Object.entries(DECK))('are the same for another token of the identity of %s', (name, card) => {
    const next = Object.fromEntries(
      Object.entries(claimsOf(name)).map(([claim, value]) => [claim, OF_A_RUN.test(claim) ? `${value}9` : value]),
    );
    const sub = card.kind === 'fly' ? 'example-org:example-app:example-machine9' : String(next.sub);
    expect(assumed(card.source, { ...next, sub })).toBe(card.name);
  });

  const parts = DECK_SOURCES.flatMap(([name, card]) =>
    [...card.name.matchAll(/:([\w-]+):/g)].flatMap(([, field = '']) => {
      const row = tableOf(card).name !== 'sub' && tableOf(card).claims[field];
      // What has a form has no room to pretend.
      return row && !row.form ? [{ name, card, field }] : [];
    }),
  );

  it.each(parts)('$card.kind $field: no value of it can pretend to be two parts', ({ name, card, field }) => {
    const values = ['a:b', 'a%3Ab', 'a%253Ab'];
    const path = fieldPath(tableOf(card), field);
    const names = new Set(values.map((value) => assumed(card.source, changed(claimsOf(name), path, value))));
    expect(names.size).toBe(values.length);
    for (const made of names) expect(made.split(':')).toHaveLength(card.name.split(':').length);
    expect(names).not.toContain(card.name);
  });

  it('of a deployment of a stack name the stack, the deployment and what is done', () => {
    const stack = stackClaims(claimsOf('hcp-terraform-apply'));
    expect(assumed('terraform', stack)).toBe('terraform:stack_id:st-1:deployment_name:prod%3Aeu:operation:apply');
    expect(assumed('terraform', { ...stack, terraform_workspace_id: 'ws-1' })).toBe('claim_invalid stack_id');
    expect(assumed('terraform', changed(stack, ['terraform_stack_id'], undefined))).toBe('claim_missing workspace_id');
    expect(assumed('terraform', changed(stack, ['terraform_operation'], undefined))).toBe('claim_missing operation');
    expect(assumed('terraform', { ...stack, terraform_operation: 5 })).toBe('claim_invalid operation');
  });
});
