// The claims `act` and `may_act` as an identity provider, or somebody who has its ear, may write them: every form that is no chain of
// actors, or that names somebody else, is refused for its own reason, and beside it passes the one that is right.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACT_BYTES_MAX, ACTORS_MAX } from '../../src/core/limits-delegation.ts';
import { JWT_TYPE } from '../support/broker.ts';
import {
  ASSISTANT,
  type DelegationBroker,
  HARD,
  LITELLM,
  MESH,
  PARTNER,
  RESEARCHER,
  startDelegationBroker,
} from '../support/delegation-broker.ts';

let broker: DelegationBroker;
beforeAll(async () => {
  broker = await startDelegationBroker();
}, 30_000);
afterAll(() => broker?.stop());

const agent = { iss: MESH, sub: ASSISTANT };
const other = (index: number) => ({ iss: 'https://agents.example', sub: `agent-${index}` });
/** So many actors, the first outermost. */
const chain = (length: number, innermost: object = {}): object =>
  Array.from({ length }, (_, index) => other(index)).reduceRight<object>(
    (act, one) => ({ ...one, ...(Object.keys(act).length > 0 ? { act } : {}) }),
    innermost,
  );
const by = async (claims: Record<string, unknown>, actor = ASSISTANT) =>
  broker.acted(await broker.partnerToken(claims), await broker.svid(actor));

describe('act of an outside token', () => {
  it.each<readonly [title: string, act: unknown]>([
    ['null', null],
    ['a text', ASSISTANT],
    ['a list', [agent]],
    ['an empty object', {}],
    ['an actor without sub', { iss: MESH }],
    ['an empty sub', { iss: MESH, sub: '' }],
    ['a sub that is a list', { iss: MESH, sub: [ASSISTANT] }],
    ['an empty iss', { iss: '', sub: ASSISTANT }],
    ['an iss of null', { iss: null, sub: ASSISTANT }],
    ['an earlier actor of null', { ...agent, act: null }],
    ['an earlier actor that is none', { ...agent, act: { iss: MESH } }],
    ['an earlier actor that is a list', { ...agent, act: [other(1)] }],
    ['TX-40 an expiry inside', { ...agent, exp: 2_000_000_000 }],
    ['TX-40 an audience inside an earlier actor', { ...agent, act: { ...other(1), aud: 'https://one.example' } }],
    ['TX-40 a scope inside', { ...agent, scope: 'admin' }],
    ['TX-40 a key inside', { ...agent, cnf: { jkt: 'x'.repeat(43) } }],
    ['A-146 a may_act inside', { ...agent, may_act: other(1) }],
    ['a name of ours beside an actor', { ...other(1), sub_id: { format: 'opaque', id: 'clients:gateway' } }],
    [
      'a name of ours beside an earlier actor',
      { ...agent, act: { ...other(1), sub_id: { format: 'opaque', id: 'staff:bob' } } },
    ],
    // What no subject may be called was issued, recorded and logged of an actor; and nobody could block one whose name was too long for it.
    ['A-56 a line end in the name of an earlier actor', { ...agent, act: { iss: MESH, sub: 'a\nb' } }],
    ['A-56 a control character in the issuer of an actor', { iss: 'https://\u001b', sub: 'a' }],
    ['A-56 a name of an actor that is longer than any may be', { iss: MESH, sub: 'x'.repeat(2_049) }],
    ['A-147 one actor more than may be read', chain(ACTORS_MAX + 1)],
    ['A-147 more bytes than may be read', { ...other(1), note: 'x'.repeat(ACT_BYTES_MAX) }],
  ])('%s is refused', async (_title, act) => {
    expect((await by({ act })).said).toBe('invalid_request claim_invalid');
    expect(broker.lastRecord().evidence).toMatchObject({ role: 'subject', claim: 'act' });
  });

  it('the control: what is right is carried byte for byte under who acts now (TX-40, TX-41, TX-43)', async () => {
    const act = {
      iss: 'https://agents.example',
      sub: 'b',
      sub_profile: 'ai_agent',
      act: { note: ['x'], sub: 'a', iss: 'c' },
    };
    const { said, claims } = await by({ act });
    expect(said).toBe('granted');
    expect(JSON.stringify(claims.act)).toBe(
      JSON.stringify({
        ...agent,
        act: {
          iss: 'https://agents.example',
          sub: 'b',
          sub_profile: 'ai_agent',
          act: { iss: 'c', sub: 'a', note: ['x'] },
        },
      }),
    );
  });

  it('OB-02 an actor without iss gets that of the token, so that every actor issued has iss and sub', async () =>
    expect((await by({ act: { sub: 'a' } })).claims.act).toEqual({ ...agent, act: { iss: PARTNER, sub: 'a' } }));

  it('A-147 a thousand actors, nested, are refused before anybody counts them', async () => {
    const nested = JSON.parse(`${'{"sub":"a","act":'.repeat(999)}{"sub":"a"}${'}'.repeat(999)}`);
    expect((await by({ act: nested })).said).toBe('invalid_request credential_malformed');
    expect((await by({ act: chain(1_000) })).said).toBe('invalid_request parameter_too_large');
    expect((await by({ act: chain(ACTORS_MAX - 1) })).said).toBe('granted');
  });

  it('A-147 OB-04 the last actor who fits is taken, and one more is refused and not cut', async () => {
    expect((await by({ act: chain(ACTORS_MAX) })).said).toBe('invalid_request chain_too_long');
    const { said, claims, record } = await by({ act: chain(ACTORS_MAX - 1) });
    expect(said).toBe('granted');
    expect(record.actors).toHaveLength(ACTORS_MAX);
    expect(claims.act).toEqual({ ...agent, act: chain(ACTORS_MAX - 1) });
  });

  it('A-147 bytes that would be too many once the actor, or the issuer that was left out, is written are refused', async () => {
    const fit = ACT_BYTES_MAX - Buffer.byteLength(JSON.stringify({ ...other(1), note: '' }));
    expect((await by({ act: { ...other(1), note: 'x'.repeat(fit) } })).said).toBe('invalid_request chain_too_long');
    const bare = {
      sub: 'a',
      note: 'x'.repeat(ACT_BYTES_MAX - Buffer.byteLength(JSON.stringify({ sub: 'a', note: '' }))),
    };
    const subject_token = await broker.partnerToken({ act: bare });
    expect((await broker.ask(HARD, { subject_token, audience: 'three' })).said).toBe('invalid_request chain_too_long');
    expect((await by({ act: { ...other(1), note: 'x'.repeat(fit - 200) } })).said).toBe('granted');
  });

  it('A-147 who acted before somebody else acts no more: the chain would be a loop', async () => {
    const between = { ...other(1), act: agent };
    expect((await by({ act: between })).said).toBe('invalid_request actor_repeated');
    expect(broker.lastRecord().evidence).toMatchObject({ role: 'actor', source: 'mesh' });
    expect((await by({ act: between }, RESEARCHER)).said).toBe('granted');
    // Under whatever issuer a SPIFFE ID is repeated, it is the same workload.
    expect((await by({ act: { ...other(1), act: { iss: PARTNER, sub: ASSISTANT } } })).said).toBe(
      'invalid_request actor_repeated',
    );
  });

  it('who acts already acts on, and the chain stays as it was', async () => {
    const { said, claims } = await by({ act: { ...agent, act: other(1) } });
    expect(said).toBe('granted');
    expect(claims.act).toEqual({ ...agent, act: other(1) });
  });

  it('TX-42 A-142 an earlier actor allows nothing', async () => {
    const subject_token = await broker.partnerToken({ act: { ...agent } });
    expect((await broker.ask(LITELLM, { subject_token, audience: 'one' })).said).toBe('invalid_request no_rule');
    const stranger = await broker.acted(subject_token, await broker.svid(`${MESH}/ns/strangers/sa/x`));
    expect(stranger.said).toBe('invalid_request no_rule');
    expect((await broker.acted(subject_token, await broker.svid(RESEARCHER))).said).toBe('granted');
  });

  it('A-141 OB-05 a chain that the caller invents as a parameter is no chain', async () => {
    const invented = { act: JSON.stringify(other(1)), may_act: JSON.stringify(other(1)) };
    const { said, claims } = await broker.acted(await broker.partnerToken(), await broker.svid(ASSISTANT), invented);
    expect(said).toBe('granted');
    expect(claims.act).toEqual(agent);
    const alone = await broker.ask(HARD, {
      subject_token: await broker.partnerToken(),
      audience: 'three',
      ...invented,
    });
    expect([alone.said, alone.claims.act]).toEqual(['granted', undefined]);
  });

  it('OB-03 azp and client_id of a token are nobody who acts', async () => {
    const subject_token = await broker.partnerToken({ azp: ASSISTANT, client_id: ASSISTANT });
    expect((await broker.ask(LITELLM, { subject_token, audience: 'one' })).said).toBe('invalid_request no_rule');
    const named = await broker.ask(HARD, { subject_token, audience: 'three' });
    expect([named.said, named.claims.act, named.claims.client_id]).toEqual(['granted', undefined, 'hard']);
  });
});

describe('may_act', () => {
  it.each<readonly [title: string, mayAct: unknown]>([
    ['null', null],
    ['a text', ASSISTANT],
    ['a list of one', [agent]],
    ['an empty object', {}],
    ['an object without sub', { iss: MESH }],
    ['a sub that is a list', { iss: MESH, sub: [ASSISTANT] }],
    ['an iss that is no text', { iss: [MESH], sub: ASSISTANT }],
  ])('A-145 %s means nobody, and is refused', async (_title, may_act) => {
    expect((await by({ may_act })).said).toBe('invalid_request claim_invalid');
    expect(broker.lastRecord().evidence).toMatchObject({ role: 'subject', claim: 'may_act' });
  });

  it.each<readonly [title: string, mayAct: Record<string, unknown>]>([
    ['the sub of another issuer', { iss: 'https://other.example', sub: ASSISTANT }],
    ['a sub without iss, which means the issuer of the token', { sub: ASSISTANT }],
    ['another sub', { iss: MESH, sub: RESEARCHER }],
    ['a sub in another case', { iss: MESH, sub: ASSISTANT.toUpperCase() }],
    ['a member more that the actor has not', { ...agent, sub_profile: 'ai_agent' }],
    ['a member more that says something else of the actor', { ...agent, aud: 'https://other.example' }],
    ['the client that asks, where a token says who acts', { iss: 'SELF', sub: 'litellm' }],
  ])('A-145 TX-45 %s is not met', async (_title, written) => {
    const may_act = written.iss === 'SELF' ? { ...written, iss: broker.issuer } : written;
    expect((await by({ may_act })).said).toBe('invalid_request may_act_unmet');
  });

  it('the control: it is obeyed on every member, and not passed on (TX-45, TX-46, A-146)', async () => {
    for (const may_act of [agent, { ...agent, aud: [broker.issuer] }]) {
      const { said, claims } = await by({ may_act });
      expect(said).toBe('granted');
      expect(claims).toMatchObject({ act: agent });
      expect(claims).not.toHaveProperty('may_act');
    }
  });

  it('TX-45 it allows nobody whom policy does not', async () => {
    const stranger = `${MESH}/ns/strangers/sa/x`;
    expect((await by({ may_act: { iss: MESH, sub: stranger } }, stranger)).said).toBe('invalid_request no_rule');
  });

  it('A-145 it may mean the client that asks, and then no other client', async () => {
    const may_act = { iss: broker.issuer, sub: 'signer' };
    const ask = async () => ({ subject_token: await broker.partnerToken({ may_act }), audience: 'two' });
    const { said, claims } = await broker.ask(await broker.byKey(), await ask());
    expect([said, claims.act]).toEqual(['granted', may_act]);
    expect((await broker.ask(await broker.bySvid('gateway', '/ns/mcp/sa/gateway'), await ask())).said).toBe(
      'invalid_request may_act_unmet',
    );
  });

  it('A-145 it is unmet where nobody acts', async () => {
    const subject_token = await broker.partnerToken({ may_act: agent });
    expect((await broker.ask(LITELLM, { subject_token, audience: 'one' })).said).toBe('invalid_request may_act_unmet');
  });

  it('A-146 beside act it is refused, whoever acts', async () => {
    expect((await by({ may_act: agent, act: agent })).said).toBe('invalid_request claim_unsupported');
    expect(broker.lastRecord().evidence).toMatchObject({ claim: 'may_act' });
  });
});

describe('a token that acts, or authenticates a client', () => {
  it('bears neither act nor may_act: one who is acted for proves nobody who acts (A-148)', async () => {
    const person = await broker.staffToken();
    for (const claims of [{ act: other(1) }, { may_act: other(1) }]) {
      const [claim] = Object.keys(claims);
      expect((await broker.acted(person, await broker.svid(ASSISTANT, claims))).said).toBe(
        'invalid_request claim_unsupported',
      );
      expect(broker.lastRecord().evidence).toMatchObject({ role: 'actor', claim });
    }
    expect((await broker.acted(person, await broker.svid(ASSISTANT, { sub_profile: 'ai_agent' }))).said).toBe(
      'granted',
    );
  });

  it('nor does the assertion of a client', async () => {
    const form = async (claims: object) => {
      const client = await broker.bySvid('gateway', '/ns/mcp/sa/gateway');
      const client_assertion = await broker.svid(`${MESH}/ns/mcp/sa/gateway`, { ...claims });
      return { form: { ...client.form, client_assertion } };
    };
    const ask = { subject_token: await broker.staffToken(), subject_token_type: JWT_TYPE, audience: 'two' };
    expect((await broker.ask(await form({ act: other(1) }), ask)).said).toBe('invalid_client claim_unsupported');
    expect((await broker.ask(await form({}), ask)).said).toBe('granted');
  });
});
