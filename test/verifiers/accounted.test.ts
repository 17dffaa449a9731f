// Claims that nobody has accounted for: named in the record, apart from those that a standard, the kind's table, `require` or a rule
// knows. And tables that name only what they have.

import { beforeAll, describe, expect, it } from 'vitest';
import { TRUST_KINDS } from '../../src/compose-kinds.ts';
import type { Json, JsonObject } from '../../src/core/json.ts';
import { noteSubject, openRecord } from '../../src/core/record.ts';
import { JWT_TOKEN_TYPE } from '../../src/core/request.ts';
import { createPolicy } from '../../src/policy/decide.ts';
import { RECEIVED } from '../support/path.ts';
import { DECK, DECK_NOW, type Deck, loadDeck, PLATFORM_CLAIMS } from '../support/platform-deck.ts';

let deck: Deck;
beforeAll(async () => {
  deck = await loadDeck();
});

/** The record of a token of this claim set with more claims. */
async function recorded(name: string, more: JsonObject = {}, from: Deck = deck) {
  const { source = '' } = DECK[name] ?? {};
  const text = await deck.keys.get(source)?.sign({ ...PLATFORM_CLAIMS[name], ...more });
  const proved = await from.configuration.verifiers.verify(
    { text: text ?? '', tokenType: JWT_TOKEN_TYPE },
    'subject',
    DECK_NOW,
  );
  if (!proved.ok) throw new Error(proved.refusal.reason);
  const record = openRecord(RECEIVED, 'D', DECK_NOW);
  noteSubject(record, proved.value, createPolicy(from.configuration.compiled).claimsNamed(source));
  return record;
}

const inside = (name: string, claim: string, more: JsonObject): JsonObject => ({
  [claim]: { ...(PLATFORM_CLAIMS[name]?.[claim] as JsonObject), ...more },
});

describe('a claim that nobody accounted for', () => {
  it.each(Object.keys(DECK))('is not among those of %s, and is where one is added', async (name) => {
    expect((await recorded(name)).unknownClaims).toEqual([]);
    const more = { brand_new: 'x', brand: { new: 1, none: {} } };
    const { unknownClaims, otherClaims } = await recorded(name, more);
    expect(unknownClaims).toEqual(DECK[name]?.kind === 'spiffe' ? [] : ['brand_new', 'brand/new']);
    expect(otherClaims).toEqual(expect.arrayContaining(['brand_new', 'brand/new']));
  });

  it.each<readonly [string, JsonObject, readonly string[]]>([
    ['github-push-legacy-sub', { repo_property_team: 'x', repo_propertyx: 'y' }, ['repo_propertyx']],
    ['gitlab-push', { job_config: { url: 'x', sha: 'y' }, job_configs: 'z' }, ['job_configs']],
    ['buildkite-default', { 'agent_tag:queue': 'x', agent_tag: 'y' }, ['agent_tag']],
    ['entra-mi-v1-vm', { xms_ftd: 'x', xms: 'y' }, ['xms']],
    [
      'k8s-projected',
      inside('k8s-projected', 'kubernetes.io', { secret: { name: 'x' }, zone: { name: 'y' } }),
      ['kubernetes.io/zone/name'],
    ],
    ['aws-outbound-lambda', inside('aws-outbound-lambda', 'https://sts.amazonaws.com/', { new_member: 'x' }), []],
  ])(
    'of %s: what begins or lies as the table says is accounted for, and nothing beside it',
    async (name, more, unknown) => {
      expect((await recorded(name, more)).unknownClaims).toEqual(unknown);
    },
  );

  it('is known once a rule or require names it', async () => {
    expect((await recorded('github-env-immutable-sub-reusable')).claims.map(({ path }) => path.join())).toContain(
      'repo_property_tier',
    );
    const required = await loadDeck(
      { fly: 'issuer: https://oidc.fly.io/example-org, require: { brand_new: x }' },
      deck.keys,
    );
    expect((await recorded('fly-machine', { brand_new: 'x' }, required)).unknownClaims).toEqual([]);
    expect((await recorded('fly-machine', { brand_new: 'x' })).unknownClaims).toEqual(['brand_new']);
  });
});

describe('the table of a kind', () => {
  it.each(TRUST_KINDS)('$kind names only fields that it has', ({ table }) => {
    const steps = table.name === 'sub' ? [] : table.name.flat();
    const named = [
      ...steps.flatMap((part) => ('fields' in part ? part.fields : 'field' in part ? [part.field] : [part.where])),
      ...table.pins.all,
      ...table.pins.context.map(({ field }) => field),
      ...(table.shared?.tenancy ?? []),
      ...(table.variants ?? []).flat(),
      ...(table.tight ?? []),
    ];
    expect(named.filter((field) => !Object.hasOwn(table.claims, field))).toEqual([]);
    for (const [field, row] of Object.entries(table.claims)) {
      const values: readonly (Json | undefined)[] = [...(row.forbidden ?? []), row.equals];
      const types = values.filter((value) => value !== undefined).map((value) => typeof value);
      expect(
        types.filter((type) => type !== (row.type === 'text' ? 'string' : row.type)),
        field,
      ).toEqual([]);
      if (row.form) expect(row.form.source, field).toMatch(/^\^/);
    }
  });
});
