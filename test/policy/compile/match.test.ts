import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Json, JsonObject } from '../../../src/core/json.ts';
import { AWS } from '../../../src/platforms/aws.ts';
import { BUILDKITE } from '../../../src/platforms/buildkite.ts';
import { CIRCLECI } from '../../../src/platforms/circleci.ts';
import { GITHUB } from '../../../src/platforms/github.ts';
import { GITLAB } from '../../../src/platforms/gitlab.ts';
import { HCP_TERRAFORM } from '../../../src/platforms/hcp-terraform.ts';
import { KUBERNETES } from '../../../src/platforms/kubernetes.ts';
import { OIDC } from '../../../src/platforms/oidc.ts';
import type { PlatformTable } from '../../../src/platforms/table.ts';
import { compileConditions, compileRequire, firstUnmet, tableRows } from '../../../src/policy/compile/match.ts';
import { namesTenancy, sharedIssuerProblem } from '../../../src/policy/compile/pins.ts';
import { display, displayAll, holds } from '../../../src/policy/evaluate.ts';
import { documentOf } from '../../support/policy.ts';

const compiled = (text: string, table: PlatformTable = OIDC, form: 'fields' | 'claims' | 'require' = 'claims') => {
  const document = documentOf(text);
  return compileConditions({
    document,
    base: [],
    written: document.value,
    rows: tableRows(table),
    form,
    captures: false,
  });
};

/** What one condition says about some claims. */
const truth = (text: string, claims: JsonObject, table?: PlatformTable, form?: 'fields' | 'claims') => {
  const { conditions, problems } = compiled(text, table, form);
  expect(problems).toEqual([]);
  return conditions.map(({ condition }) => holds(condition, claims)).join();
};

const messages = (text: string, table?: PlatformTable, form?: 'fields' | 'claims' | 'require') =>
  compiled(text, table, form).problems.map(({ line, path, message }) => `${line} ${path} ${message}`);

describe('conditions', () => {
  it('one value is equality, byte for byte', () => {
    expect(truth('tier: prod', { tier: 'prod' })).toBe('true');
    expect(truth('tier: prod', { tier: 'Prod' })).toBe('false');
    expect(truth('tier: prod', { tier: 'prod\n' })).toBe('false');
    expect(truth('tier: "K"', { tier: '\u212a' })).toBe('false');
  });

  it('a list is any of its values', () => {
    expect(truth('tier: [prod, stage]', { tier: 'stage' })).toBe('true');
    expect(truth('tier: [prod, stage]', { tier: 'dev' })).toBe('false');
  });

  it('{ has: x } is membership in an array, and nothing else', () => {
    expect(truth('groups: { has: finance }', { groups: ['hr', 'finance'] })).toBe('true');
    expect(truth('groups: { has: finance }', { groups: ['hr'] })).toBe('false');
    expect(truth('groups: { has: finance }', { groups: [] })).toBe('false');
    expect(truth('groups: { has: finance }', { groups: 'finance' })).toBe('unknown');
    expect(truth('groups: { has: finance }', { groups: [1] })).toBe('unknown');
  });

  it('a scalar or a list never matches an array', () => {
    expect(truth('groups: finance', { groups: ['finance'] })).toBe('unknown');
    expect(truth('groups: [finance]', { groups: ['finance'] })).toBe('unknown');
    expect(truth('groups: finance', { groups: 'finance' })).toBe('true');
  });

  it('nested keys mirror the claims, whatever their names hold; a dotted path reaches nothing', () => {
    const claims = { 'kubernetes.io': { pod: { name: 'api-1' } }, 'https://sts.example/': { account: '1' } };
    expect(truth('kubernetes.io: { pod: { name: api-1 } }', claims)).toBe('true');
    expect(truth('"https://sts.example/": { account: "1" }', claims)).toBe('true');
    expect(truth('kubernetes.io.pod.name: api-1', claims)).toBe('false');
  });

  it('an absent claim is false, and own members alone count', () => {
    expect(truth('tier: prod', {})).toBe('false');
    expect(truth('toString: prod', {})).toBe('false');
    expect(truth('a: { constructor: { name: Object } }', { a: {} })).toBe('false');
    expect(truth('a: { b: c }', {})).toBe('false');
  });

  it('another type is unknown, also on the way to a nested claim', () => {
    expect(truth('tier: prod', { tier: 5 })).toBe('unknown');
    expect(truth('tier: prod', { tier: null })).toBe('unknown');
    expect(truth('a: { b: c }', { a: 'text' })).toBe('unknown');
    expect(truth('a: { b: c }', { a: [] })).toBe('unknown');
  });

  it("types come from the platform's table: an id may be written as a number and means text", () => {
    expect(truth('repository_id: 74', { repository_id: '74' }, GITHUB, 'fields')).toBe('true');
    expect(truth('repository_id: "74"', { repository_id: '74' }, GITHUB, 'fields')).toBe('true');
    expect(truth('repository_id: 74', { repository_id: 74 }, GITHUB, 'fields')).toBe('unknown');
    expect(truth('runner_id: "12"', { runner_id: 12 }, GITLAB, 'fields')).toBe('true');
    expect(truth('ref_protected: true', { ref_protected: 'true' }, GITLAB, 'fields')).toBe('true');
    expect(truth('repository_id: 74', { repository_id: '74' }, GITHUB, 'claims')).toBe('true');
  });

  it('in no table, the unquoted JSON number or boolean is one', () => {
    expect(truth('level: 5', { level: 5 })).toBe('true');
    expect(truth('level: 5', { level: '5' })).toBe('unknown');
    expect(truth('level: "5"', { level: '5' })).toBe('true');
    expect(truth('admin: true', { admin: true })).toBe('true');
    expect(truth('admin: true', { admin: 'true' })).toBe('unknown');
  });

  it('A-110 A-123: ASCII case is ignored only where the table says the platform ignores it', () => {
    expect(truth('environment: Production', { environment: 'pRODUCTION' }, GITHUB, 'fields')).toBe('true');
    expect(truth('environment: Production', { environment: 'production' }, GITLAB, 'fields')).toBe('false');
    expect(truth('ref: refs/heads/Main', { ref: 'refs/heads/main' }, GITHUB, 'fields')).toBe('false');
    expect(truth('repository: acme/kit', { repository: 'acme/\u212ait' }, GITHUB, 'fields')).toBe('false');
    expect(truth('environment: PROD*', { environment: 'prod-eu' }, GITHUB, 'fields')).toBe('true');
  });

  it('A-109: nothing is percent-decoded', () => {
    expect(truth('environment: "prod:ref"', { environment: 'prod%3Aref' }, GITHUB, 'fields')).toBe('false');
  });

  it('fields of a block reach their place in the claims', () => {
    const claims = { 'kubernetes.io': { namespace: 'payments', serviceaccount: { name: 'api' } } };
    expect(truth('{ namespace: payments, serviceaccount: api }', claims, KUBERNETES, 'fields')).toBe('true,true');
  });

  it.each([
    ['tier: []', OIDC, 'claims', '1 tier is an empty list: it matches nothing'],
    ['tier:', OIDC, 'claims', '1 tier must be text, a number, true or false'],
    ['tier: [[a]]', OIDC, 'claims', '1 tier must be text, a number, true or false'],
    ['tier: {}', OIDC, 'claims', '1 tier is empty: it says nothing'],
    ['g: { has: a, x: b }', OIDC, 'claims', '1 g must be a value, a list of values, or { has: value } alone'],
    ['g: { has: [a] }', OIDC, 'claims', '1 g must be text, a number, true or false'],
    ['ref: { has: x }', GITHUB, 'fields', '1 ref is one text in these tokens, not a list: write the value alone'],
    [
      'groups_direct: a',
      GITLAB,
      'fields',
      '1 groups_direct is a list in these tokens: a value never matches it; write { has: value }',
    ],
    ['runner_id: x', GITLAB, 'fields', '1 runner_id must be a number in these tokens'],
    ['runner_id: "012"', GITLAB, 'fields', '1 runner_id must be a number in these tokens'],
    ['ref: "a*b"', GITHUB, 'fields', '1 ref "*" must end its segment: segments end at "/" and ":"'],
    ['repo: x', GITHUB, 'fields', undefined],
  ] as const)('%s does not load', (text, table, form, message) => {
    const found = messages(text, table, form);
    expect(found).toHaveLength(1);
    if (message !== undefined) expect(found[0]).toBe(message);
  });

  it('A-125: a misspelt field is answered with the one that was meant', () => {
    expect(messages('repositry_id: 74', GITHUB, 'fields')).toEqual([
      '1 repositry_id is no claim of github tokens; did you mean repository_id?',
    ]);
  });

  it.each([
    ['branch', BUILDKITE, 'build_branch'],
    ['terraform_workspace_id', HCP_TERRAFORM, 'workspace_id'],
    ['aws_account', AWS, 'account'],
    ['oidc.circleci.com/vcs-ref', CIRCLECI, 'vcs-ref'],
  ])('%s is answered with the one field that it is a part of, or that is a part of it', (word, table, field) => {
    expect(messages(`"${word}": x`, table, 'fields')).toEqual([
      expect.stringContaining(`is no claim of ${table.kind} tokens; did you mean ${field}?`),
    ]);
  });

  it('a word that several fields have as a part, or none, is answered with all there are', () => {
    expect(messages('workflow_sha_of: x\nslug: y', BUILDKITE, 'fields')).toEqual([
      expect.stringContaining('; allowed: organization_id, '),
      expect.stringContaining('; allowed: organization_id, '),
    ]);
  });
});

describe('the matcher against a slow oracle', () => {
  const scalar = fc.oneof(fc.constantFrom('a', 'b', 'A', '5', 'true'), fc.constantFrom(5, 6), fc.boolean());
  const claim: fc.Arbitrary<Json | undefined> = fc.oneof(
    scalar,
    fc.constant(undefined),
    fc.constant(null),
    fc.array(scalar, { maxLength: 3 }),
    fc.constant({ a: 'b' }),
  );

  /** Written from what docs/architecture.md says of rules alone, value by value, without a thought for speed. */
  function oracle(values: readonly Json[], has: boolean, presented: Json | undefined): string {
    if (presented === undefined) return 'false';
    if (has) {
      if (!Array.isArray(presented)) return 'unknown';
      const each = presented.map((element: Json) => oracle(values, false, element));
      return each.includes('true') ? 'true' : each.includes('unknown') ? 'unknown' : 'false';
    }
    if (values.some((value) => JSON.stringify(value) === JSON.stringify(presented))) return 'true';
    return values.some((value) => typeof value === typeof presented) ? 'false' : 'unknown';
  }

  it('agrees on equality, any-of and membership for every type', () => {
    fc.assert(
      fc.property(
        fc.array(scalar, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        claim,
        (written, membership, presented) => {
          const values = membership ? written.slice(0, 1) : written;
          const text = JSON.stringify({ x: membership ? { has: values[0] } : values });
          const claims: JsonObject = presented === undefined ? {} : { x: presented };
          expect(truth(text, claims)).toBe(oracle(values, membership, presented));
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('agrees on wildcards', () => {
    const piece = fc.constantFrom('a', 'b', '/', ':', '*');
    const text = fc.array(piece, { minLength: 1, maxLength: 7 }).map((pieces) => pieces.join(''));
    // The oracle may use a regular expression: it is built from the test's own alphabet.
    const slow = (pattern: string, value: string) => new RegExp(`^${pattern.replaceAll('*', '[^/:]*')}$`).test(value);
    fc.assert(
      fc.property(text, text, (pattern, value) => {
        const { conditions, problems } = compiled(JSON.stringify({ x: pattern }));
        const endsSegments = /^([^*]|\*(?=[/:]|$))*$/.test(pattern);
        expect(problems.length === 0).toBe(endsSegments);
        for (const { condition } of conditions)
          expect(holds(condition, { x: value })).toBe(slow(pattern, value) ? 'true' : 'false');
      }),
      { numRuns: 3000 },
    );
  });
});

describe("a source's require", () => {
  const required = (text: string, table: PlatformTable) => {
    const document = documentOf(text);
    return compileRequire({ source: { table, require: document.value }, document, base: [] });
  };

  it('names the first claim that is not met, and nothing where all are', () => {
    const read = required('{ repository_owner_id: 65, event_name: [push, release] }', GITHUB);
    if (!read.ok) throw new Error('it must compile');
    expect(read.firstUnmet({ repository_owner_id: '65', event_name: 'push' })).toBeUndefined();
    expect(read.firstUnmet({ repository_owner_id: '66', event_name: 'push' })).toBe('repository_owner_id');
    expect(read.firstUnmet({ repository_owner_id: '65', event_name: 'pull_request_target' })).toBe('event_name');
    expect(read.firstUnmet({ repository_owner_id: '65' })).toBe('event_name');
  });

  it('an unknown is unmet', () => {
    const read = required('{ tid: acme }', OIDC);
    if (!read.ok) throw new Error('it must compile');
    expect(read.firstUnmet({ tid: 5 })).toBe('tid');
    expect(read.firstUnmet({ tid: 'acme' })).toBeUndefined();
  });

  it('none, or an empty one, lets everything pass', () => {
    for (const require of [undefined, {}]) {
      const read = compileRequire({ source: { table: OIDC, require }, document: documentOf('{}'), base: [] });
      expect(read.ok && read.firstUnmet({})).toBeUndefined();
      expect(read.ok).toBe(true);
    }
  });

  it('reaches nested claims and fields alike, and reports problems where they stand', () => {
    const read = required('{ namespace: payments, kubernetes.io: { pod: { name: api-1 } } }', KUBERNETES);
    if (!read.ok) throw new Error('it must compile');
    expect(read.firstUnmet({ 'kubernetes.io': { namespace: 'payments', pod: { name: 'x' } } })).toBe(
      'kubernetes.io/pod/name',
    );
    expect(required('{ event_name: [] }', GITHUB)).toMatchObject({
      ok: false,
      problems: [{ line: 1, path: 'event_name' }],
    });
  });

  const shared = (text: string, table: PlatformTable, issuer: string) => {
    const read = required(text, table);
    if (!read.ok) throw new Error('it must compile');
    return sharedIssuerProblem({ table, issuer, requirements: read.conditions });
  };

  it('on an issuer that signs for everybody it must name the tenant exactly', () => {
    const { issuer = '' } = GITHUB;
    expect(shared('{ event_name: push }', GITHUB, issuer)).toContain(
      'repository_owner_id or repository_id or enterprise_id',
    );
    expect(shared('{ repository_owner_id: "6*" }', GITHUB, issuer)).toBeDefined();
    expect(shared('{ repository_owner_id: 65 }', GITHUB, issuer)).toBeUndefined();
    expect(shared('{ event_name: push }', GITHUB, 'https://ghes.example/_services/token')).toBeUndefined();
  });

  it.each(['https://accounts.google.com', 'https://gitlab.com', 'https://oidc.vercel.com/team'])(
    'plain oidc on %s needs a claim of its own tenant',
    (issuer) => {
      expect(shared('{ email_verified: true, azp: x }', OIDC, issuer)).toContain('your tenant');
      expect(shared('{ hd: acme.example }', OIDC, issuer)).toBeUndefined();
      expect(shared('{ x: y }', OIDC, 'https://idp.acme.example')).toBeUndefined();
    },
  );

  it('tells whether it ties a source to a tenant', () => {
    const conditions = (text: string) => compiled(text, GITHUB, 'require').conditions.map(({ condition }) => condition);
    expect(namesTenancy({ table: GITHUB, requirements: conditions('enterprise_id: 1') })).toBe(true);
    expect(namesTenancy({ table: GITHUB, requirements: conditions('event_name: push') })).toBe(false);
    expect(firstUnmet(conditions('event_name: push'), { event_name: 'x' })).toBe('event_name');
  });
});

describe('values for people', () => {
  it('are JSON in printable ASCII, and cut', () => {
    expect(display('a"b')).toBe('"a\\"b"');
    expect(display('\u202eprod')).toBe('"\\u202eprod"');
    expect(display(5)).toBe('5');
    expect(display('x'.repeat(10_000)).length).toBeLessThanOrEqual(256);
    expect(display(Array.from({ length: 1000 }, () => 'x')).length).toBeLessThanOrEqual(256);
    expect(displayAll(['a', 'b'])).toBe('"a" or "b"');
    expect(displayAll(Array.from({ length: 1000 }, (_, index) => `v${index}`)).length).toBeLessThanOrEqual(256 + 7);
  });
});
