// The broker that attacks on tokens are sent to: two plain issuers and a trust domain whose keys are the test's own, beside the
// platforms of test/support/broker.ts. `login` takes any algorithm; `once` spends its tokens, and takes none older than ten minutes.

import { type Attack, createAttack } from '../support/attack.ts';
import { POLICIES, startTestBroker, type TestBroker, type TestBrokerOptions } from '../support/broker.ts';
import { createForge, type Forge, type Json, setOf } from '../support/forge.ts';

export interface Arena extends Attack {
  readonly broker: TestBroker;
  readonly rsa: Forge;
  readonly ec: Forge;
  /** Another key of `login`'s set, on another curve. */
  readonly p384: Forge;
  readonly once: Forge;
  readonly mesh: Forge;
  /** Claims of `login` that are granted `ledger`; `more` adds to or replaces them, undefined removes one. */
  claims(more?: Json): Json;
  onceClaims(more?: Json): Json;
  svid(more?: Json): Json;
  stop(): Promise<void>;
}

const ONCE_ISSUER = 'https://once.example';
export const LOGIN_ISSUER = 'https://login.example';

const ONCE_RULE = `
rules:
  - name: once-ledger
    subject: { trust: once, sub: worker-1 }
    allow: { ledger: all }
`;

/** `keys` are published beside the arena's own by `login`. */
export async function startArena(keys: readonly Json[] = [], options: TestBrokerOptions = {}): Promise<Arena> {
  const rsa = createForge('RS256', 'rsa');
  const ec = createForge('ES256', 'ec');
  const p384 = createForge('ES384', 'p384');
  const once = createForge('ES256', 'ec');
  const mesh = createForge('ES256', 'mesh', { use: 'jwt-svid' });
  const source = `  once: { kind: oidc, issuer: ${ONCE_ISSUER}, subjects: workloads, presenter: self, tokens: [jwt], replay: once, maxAge: 10m, jwks: { file: ./once.json } }\n`;
  const broker = await startTestBroker({
    ...options,
    config: (yaml) => {
      const more = yaml.replace('targets:\n', `${source}targets:\n`);
      return options.config ? options.config(more) : more;
    },
    policies: { ...POLICIES, 'once.yaml': ONCE_RULE, ...options.policies },
    files: {
      'login.json': setOf(rsa.jwk, ec.jwk, p384.jwk, ...keys),
      'once.json': setOf(once.jwk),
      'mesh.json': setOf(mesh.jwk),
      ...options.files,
    },
  });
  const times = () => ({ aud: broker.issuer, iat: broker.now(), exp: broker.now() + 300 });
  const claims = (more: Json = {}) => defined({ iss: LOGIN_ISSUER, sub: 'worker-1', ...times(), ...more });

  return Object.freeze({
    ...createAttack(broker),
    broker,
    rsa,
    ec,
    p384,
    once,
    mesh,
    claims,
    onceClaims: (more: Json = {}) => claims({ iss: ONCE_ISSUER, jti: crypto.randomUUID(), ...more }),
    svid: (more: Json = {}) => defined({ sub: 'spiffe://prod.example/ns/payments/sa/api', ...times(), ...more }),
    stop: () => broker.stop(),
  });
}

const defined = (object: Json): Json =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
