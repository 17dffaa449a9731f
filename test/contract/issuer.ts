// What every issuer must do, run against each kind: make exactly what the order says and never more (the never-widen list),
// and show in `read` whatever it made otherwise, so that the recheck stops it.

import { describe, expect, it } from 'vitest';
import type { Issued, IssueOrder, Issuer } from '../../src/core/ports.ts';
import { asProved } from '../../src/core/principal.ts';
import { ACCESS_TOKEN_TYPE } from '../../src/core/request.ts';
import { issuedBy } from '../support/issued.ts';

export interface IssuerUnderTest {
  readonly issuer: Issuer;
  /** What was issued, changed in one member as a faulty issuer would have made it. */
  forge(issued: Issued, change: (claims: Record<string, unknown>) => void): Issued;
  /** The members of the issued thing by the name of what must not widen. */
  readonly members: Readonly<
    Record<'audience' | 'scopes' | 'expiry' | 'issuedAt' | 'subject' | 'client' | 'id', string>
  >;
}

const IAT = 1_800_000_000;

const AGENT = { iss: 'spiffe://prod.example', sub: 'spiffe://prod.example/ns/agents/sa/a', others: {} };

/** An order with one grant, as policy would make it. */
export function orderFor(change: Partial<Omit<IssueOrder, 'grant'> & IssueOrder['grant']> = {}): IssueOrder {
  const { id, issuedTokenType, issuedAt, expiresAt, lineage, standing, origin, authentication, session, ...grant } =
    change;
  const principal = {
    source: 'github',
    kind: 'github',
    issuer: 'https://token.actions.example',
    subject: 'repo:acme/shop:environment:production',
    name: 'github:repository_id:74:environment:production',
    claims: {},
  };
  return {
    id: id ?? '01JCX5ZZZZZZZZZZZZZZZZZZZZ',
    issuedTokenType: issuedTokenType ?? ACCESS_TOKEN_TYPE,
    session,
    issuedAt: issuedAt ?? IAT,
    expiresAt: expiresAt ?? IAT + 300,
    lineage: lineage ?? [],
    standing: standing ?? { parties: [], tokens: [], ancestors: [] },
    origin: origin ?? { iss: principal.issuer, sub: principal.subject },
    authentication,
    grant: {
      target: 'ledger',
      parameters: {},
      scopes: ['postings:read', 'postings:write'],
      lifetimeSeconds: 300,
      outlive: undefined,
      rule: { name: 'r', at: 'p.yaml:1', owner: undefined },
      subject: asProved(principal, {
        sha256: '00',
        jti: 'j',
        expiresAt: IAT + 600,
        replay: 'once',
        tell: 'caller',
        presenter: 'self',
        audience: 'https://sts.example',
        boundTo: undefined,
      }),
      clientId: principal.name,
      actor: undefined,
      actors: [],
      boundTo: undefined,
      ...grant,
    },
  };
}

export function issuerContract(name: string, make: () => Promise<IssuerUnderTest>): void {
  describe(`${name} keeps the contract of an issuer`, () => {
    it.each<[string, Parameters<typeof orderFor>[0]]>([
      ['with scopes', {}],
      ['with one scope', { scopes: ['postings:read'] }],
      ['without scopes', { scopes: [] }],
      ['for one second', { expiresAt: IAT + 1 }],
      ['for another client', { clientId: 'mcp-gateway' }],
      ['with actors', { actors: [AGENT, { iss: 'https://gh.example', sub: 'job', others: { sub_id: { id: 'x' } } }] }],
      ['with where it comes from', { lineage: ['a', 'b'], origin: { iss: 'https://idp.example', sub: 'alice' } }],
      ['with how a person was authenticated', { authentication: { authTime: IAT - 60, acr: 'mfa' } }],
      ['bound to a certificate', { boundTo: { 'x5t#S256': 'x'.repeat(43) } }],
      ['bound to a key', { boundTo: { jkt: 'k'.repeat(43) } }],
    ])('reads back exactly what was ordered: %s', async (_name, change) => {
      const { issuer } = await make();
      const order = orderFor(change);
      const read = issuer.read(await issuedBy(issuer, order));
      expect(JSON.stringify(read)).toBe(JSON.stringify(issuer.expect(order)));
    });

    it('says in `expect` what the order says, in its own order', async () => {
      const { issuer } = await make();
      const facts = issuer.expect(orderFor({ clientId: 'c' }));
      expect(facts).toMatchObject({
        id: '01JCX5ZZZZZZZZZZZZZZZZZZZZ',
        subject: 'github:repository_id:74:environment:production',
        clientId: 'c',
        scopes: ['postings:read', 'postings:write'],
        issuedAt: IAT,
        expiresAt: IAT + 300,
      });
      expect(JSON.stringify(issuer.expect(orderFor({ scopes: ['b', 'a'] })))).not.toBe(
        JSON.stringify(issuer.expect(orderFor({ scopes: ['a', 'b'] }))),
      );
    });

    it.each<[keyof IssuerUnderTest['members'], unknown]>([
      ['audience', 'https://another.example'],
      ['scopes', 'postings:read postings:write admin'],
      ['expiry', IAT + 301],
      ['issuedAt', IAT - 1],
      ['subject', 'github:repository_id:75:environment:production'],
      ['client', 'another'],
      ['id', '01JCX5YYYYYYYYYYYYYYYYYYYY'],
    ])('shows a widened %s to the recheck', async (what, value) => {
      const { issuer, forge, members } = await make();
      const order = orderFor();
      const forged = forge(await issuedBy(issuer, order), (claims) => {
        claims[members[what]] = value;
      });
      expect(JSON.stringify(issuer.read(forged))).not.toBe(JSON.stringify(issuer.expect(order)));
    });

    it.each<[keyof IssuerUnderTest['members'], unknown]>([
      ['audience', ['https://api.acme.example/ledger', 'https://another.example']],
      ['audience', undefined],
      ['expiry', `${IAT + 300}`],
      ['expiry', IAT + 300.5],
      ['subject', null],
      ['id', 7],
    ])('cannot read a %s of another shape: %j', async (what, value) => {
      const { issuer, forge, members } = await make();
      const forged = forge(await issuedBy(issuer, orderFor()), (claims) => {
        claims[members[what]] = value;
      });
      expect(() => issuer.read(forged)).toThrow(/of the issued token/);
    });

    it('issues orders side by side without mixing them', async () => {
      const { issuer } = await make();
      const orders = Array.from({ length: 20 }, (_, index) => orderFor({ id: `D${index}` }));
      const issued = await Promise.all(orders.map((order) => issuedBy(issuer, order)));
      expect(issued.map((one) => issuer.read(one))).toMatchObject(orders.map(({ id }) => ({ id })));
    });
  });
}
