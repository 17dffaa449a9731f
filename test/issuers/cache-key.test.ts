// The key that credentials of clouds are kept under: everything that the issuer is shown is in it, and what is not in it is not shown.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { IssueOrder } from '../../src/core/ports.ts';
import { asProved, type Principal, type Proof } from '../../src/core/principal.ts';
import { cacheKeyOf, shownOf } from '../../src/issuers/cache-key.ts';
import { orderFor } from '../contract/issuer.ts';

const CLAIMS = [['team'], ['kubernetes.io', 'namespace'], ['groups']];
const place = (digest = 'd', claims: readonly (readonly string[])[] = CLAIMS) => ({ digest, claims });
const keyOf = (order: IssueOrder, where = place()): string => cacheKeyOf(shownOf(order, where), where);

const principal = (change: Partial<Principal> = {}): Principal => ({
  source: 'eks',
  kind: 'kubernetes',
  issuer: 'https://oidc.example/id/1',
  subject: 'system:serviceaccount:payments:api',
  name: 'eks:system:serviceaccount:payments:api',
  claims: { team: 'blue', 'kubernetes.io': { namespace: 'payments', pod: { name: 'api-1' } }, groups: ['a'], jti: 'j' },
  ...change,
});
const proof: Proof = {
  sha256: '00',
  jti: 'j-1',
  expiresAt: 1_800_003_600,
  replay: 'reusable',
  tell: 'caller',
  presenter: 'self',
  audience: 'https://sts.example',
  boundTo: undefined,
  issuedAt: 1_800_000_000,
  handle: 'h-1',
  carried: {
    actors: [],
    mayAct: undefined,
    scopesMax: undefined,
    authentication: undefined,
    own: { lineage: ['h-0'], origin: { iss: 'https://idp.example', sub: 'alice' }, clientId: 'gateway' },
  },
};

/** Everything that an order can say. */
const whole = (): IssueOrder =>
  orderFor({
    target: 'payments-aws',
    parameters: { team: 'blue', env: 'prod' },
    scopes: ['a', 'b'],
    outlive: { floorSeconds: 900, upTo: 'lifetime' },
    subject: asProved(principal(), proof),
    actor: asProved(principal({ name: 'eks:agent', subject: 'agent', claims: {} }), proof),
    actors: [{ iss: 'https://oidc.example/id/1', sub: 'agent', others: { name: 'a' } }],
    clientId: 'gateway',
    boundTo: { jkt: 'k' },
    session: { policy: '{"Version":"2012-10-17"}', policyArns: ['arn:aws:iam::aws:policy/ReadOnly'] },
    lineage: ['h-0', 'h-1'],
    standing: { parties: [{ name: 'n', role: 'subject', issuedAtSeconds: 1 }], tokens: ['h-1'], ancestors: ['h-0'] },
    authentication: { authTime: 1, acr: 'gold' },
  });

type Path = readonly string[];

function* leavesOf(value: unknown, path: Path = []): Generator<Path> {
  if (typeof value === 'object' && value !== null) {
    yield [...path, 'one more'];
    for (const [name, inner] of Object.entries(value)) yield* leavesOf(inner, [...path, name]);
  } else yield path;
}

function changedAt(value: unknown, [name, ...rest]: Path): unknown {
  if (name === undefined) {
    if (typeof value === 'number') return value + 1;
    return typeof value === 'boolean' ? !value : `${value ?? ''}x`;
  }
  if (Array.isArray(value))
    return name === 'one more'
      ? [...value, 'x']
      : value.map((one, at) => (String(at) === name ? changedAt(one, rest) : one));
  if (typeof value !== 'object' || value === null) throw new Error('no such leaf');
  const inner: unknown = Reflect.get(value, name);
  return { ...value, [name]: name === 'one more' ? 'x' : changedAt(inner, rest) };
}

/** What differs between credentials of one identity, and the claims of the target above. */
function isInKey(path: Path): boolean {
  const text = path.join('/');
  if (/^(?:id|issuedAt|expiresAt)$|^(?:lineage|standing)\//.test(text)) return false;
  if (/^grant\/(?:subject|actor)\/proof\/(?:sha256|jti|handle|issuedAt|expiresAt|carried)/.test(text)) return false;
  if (text.startsWith('grant/actor/claims/')) return false;
  if (!text.startsWith('grant/subject/claims/')) return true;
  return /claims\/(?:team|kubernetes\.io\/namespace|groups)/.test(text);
}

describe('the key of a kept credential', () => {
  const order = whole();
  const paths = [...leavesOf(order)];

  it.each(paths.filter(isInKey).map((path) => [path.join('/'), path] as const))(
    'A-161 is another one where %s is another',
    (_, path) => {
      expect(keyOf(changedAt(order, path) as IssueOrder)).not.toBe(keyOf(order));
    },
  );

  it.each(paths.filter((path) => !isInKey(path)).map((path) => [path.join('/'), path] as const))(
    'is the same where %s is another, and the issuer does not see it',
    (_, path) => {
      const other = changedAt(order, path) as IssueOrder;
      expect(keyOf(other)).toBe(keyOf(order));
      const timeless = { id: '', issuedAt: 0, expiresAt: 0 };
      expect({ ...shownOf(other, place()), ...timeless }).toEqual({ ...shownOf(order, place()), ...timeless });
    },
  );

  it('A-161 is another one under another digest, and with other claims', () => {
    expect(keyOf(order, place('e'))).not.toBe(keyOf(order));
    expect(keyOf(order, place('d', [['team']]))).not.toBe(keyOf(order));
    expect(keyOf(order, place('d', [...CLAIMS, ['absent']]))).toBe(keyOf(order));
  });

  it('A-161 runs no two texts together, whatever is in them', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', '"', ',', ':', '|', '\\', '\u0000', 'é', '\ud800'),
      maxLength: 4,
    });
    const some = fc.record({
      target: text,
      digest: text,
      clientId: text,
      name: text,
      issuer: text,
      team: text,
      scopes: fc.array(text, { maxLength: 3 }),
      parameters: fc.dictionary(text, text, { maxKeys: 2 }),
      policy: fc.option(text, { nil: undefined }),
    });
    type Some = typeof some extends fc.Arbitrary<infer One> ? One : never;
    const key = ({ digest, name, issuer, team, policy, ...grant }: Some) =>
      keyOf(
        orderFor({
          ...grant,
          subject: asProved(principal({ name, issuer, claims: { team } }), proof),
          session: policy === undefined ? undefined : { policy, policyArns: [] },
        }),
        place(digest),
      );
    fc.assert(
      fc.property(some, some, (one, other) => {
        const same = JSON.stringify(one) === JSON.stringify(other);
        return (key(one) === key(other)) === same && key(one) === key(structuredClone(one));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['a set', new Set(['a'])],
    ['a map', new Map([['a', 1]])],
    ['bytes', new Uint8Array(2)],
    ['no number', Number.NaN],
    ['an infinite number', Number.POSITIVE_INFINITY],
    ['a function', () => 1],
    ['a symbol', Symbol('a')],
  ])('does not come to be where an order holds %s, which JSON would leave out', (_, value) => {
    const odd = changedAt(order, ['session', 'one more']) as IssueOrder;
    Reflect.set(odd.session ?? {}, 'one more', value);
    expect(() => keyOf(odd)).toThrow('an order says in "one more" what no key can');
  });
});
