// A client that proves a key of its own by DPoP (RFC 9449), written by hand so that it can do what libraries would not: any claim, any
// header member, any nonce, the same proof again.

import { createHash, randomUUID } from 'node:crypto';
import type { Answer, TestBroker } from './broker.ts';
import { publicOf } from './dpop.ts';
import { createForge, type Forge, type Json } from './forge.ts';

type Form = Parameters<TestBroker['token']>[0];

export interface DpopClient {
  readonly key: Forge;
  readonly jkt: string;
  /** The nonce that was given last. */
  nonce(): string | undefined;
  /** A proof for the token endpoint, now, with the last nonce. */
  proof(claims?: Json, header?: Json): string;
  /** Sends a form once, with this proof or a fresh one. */
  send(form: Form, proof?: string, headers?: Record<string, string>): Promise<Answer>;
  /** The same, and again where a nonce is wanted. */
  ask(form: Form): Promise<Answer>;
}

export function createDpopClient(
  { issuer, now }: Pick<TestBroker, 'issuer' | 'now'>,
  { token }: Pick<TestBroker, 'token'>,
  key = createForge('ES256', 'dpop'),
): DpopClient {
  const held: { nonce: string | undefined } = { nonce: undefined };
  const { crv, kty, x, y } = key.jwk;
  const proof: DpopClient['proof'] = (claims = {}, header = {}) => {
    const own = { jti: randomUUID(), htm: 'POST', htu: `${issuer}/token`, iat: now(), nonce: held.nonce };
    return key.token({ ...own, ...claims }, { kid: undefined, typ: 'dpop+jwt', jwk: publicOf(key), ...header });
  };
  const send: DpopClient['send'] = async (form, text = proof(), headers = {}) => {
    const answer = await token(form, { dpop: text, ...headers });
    const given = answer.headers['dpop-nonce'];
    if (typeof given === 'string') held.nonce = given;
    return answer;
  };
  return Object.freeze({
    key,
    jkt: createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url'),
    nonce: () => held.nonce,
    proof,
    send,
    async ask(form: Form) {
      const first = await send(form);
      return first.body.error === 'use_dpop_nonce' ? send(form) : first;
    },
  });
}
