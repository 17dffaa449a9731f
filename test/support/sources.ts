// A trust source of each kind with a key of its own, behind the real registry: what the verifier tests present tokens to.

import { importJWK } from 'jose';
import {
  type Claims,
  createPlatformKey,
  githubPush,
  gitlabPush,
  jwtSvid,
  kubernetesProjected,
  type PlatformKey,
} from '../../src/adapters/cli/demo/platforms.ts';
import { TRUST_KINDS } from '../../src/compose-kinds.ts';
import type { KeySource, KeysFound, SignatureAlgorithm, VerificationKey } from '../../src/core/outside.ts';
import type { Verifiers } from '../../src/core/ports.ts';
import type { SubjectTokenType } from '../../src/core/request.ts';
import { JWT_TOKEN_TYPE } from '../../src/core/request.ts';
import { github, gitlab } from '../../src/verifiers/ci-platform.ts';
import { spiffe } from '../../src/verifiers/jwt-svid.ts';
import type { SourceParts, SourceSettings, SourceVerifier } from '../../src/verifiers/kind.ts';
import { kubernetes } from '../../src/verifiers/kubernetes.ts';
import { oidc } from '../../src/verifiers/oidc.ts';
import { createVerifiers } from '../../src/verifiers/registry.ts';
import { DECK_SOURCES, PLATFORM_CLAIMS } from './platform-deck.ts';

export const AUDIENCE = 'https://sts.example';
export const NOW = 1_790_000_000;
export const CLUSTER = 'https://oidc.cluster.example/id/1';

/** One source under test: a key that it trusts, claims that it accepts, and the registry that knows it alone. */
export interface SourceUnderTest {
  readonly key: PlatformKey;
  readonly claims: () => Claims;
  readonly verifier: SourceVerifier;
  readonly verifiers: Verifiers;
  readonly tokenType: SubjectTokenType;
  /** Where a token's reason for another issuer differs. */
  readonly kind: string;
}

export const settingsOf = (name: string, more: Partial<SourceSettings> = {}): SourceSettings => ({
  name,
  audience: AUDIENCE,
  ownIssuer: AUDIENCE,
  otherAudiences: false,
  scopesAreCeiling: false,
  replay: undefined,
  tell: undefined,
  maxAgeSeconds: undefined,
  unmetRequirement: () => undefined,
  require: {},
  ...more,
});

/** The port `KeySource` over fixed keys; counts what it was asked. */
export async function keySourceOf(...keys: readonly PlatformKey[]): Promise<KeySource & { asked: number }> {
  const known: VerificationKey[] = [];
  for (const { jwk, kid, alg } of keys) {
    const { use: _use, ...bare } = jwk;
    const key = await importJWK(bare, alg);
    if (key instanceof Uint8Array) throw new Error('not a public key');
    known.push({ kid, alg: alg as SignatureAlgorithm, key });
  }
  const source = {
    asked: 0,
    find({ alg, kid }: Parameters<KeySource['find']>[0]): Promise<KeysFound> {
      source.asked += 1;
      const found = known.filter((key) => key.alg === alg && (kid === undefined || key.kid === kid));
      return Promise.resolve(found.length > 0 ? { found } : { found: 'none' });
    },
  };
  return source;
}

/** What a verifier is made with: fixed keys, no authorities, no way outward. */
export const partsOf = async (
  ...keys: readonly PlatformKey[]
): Promise<SourceParts & { readonly keys: { asked: number } }> => ({
  keys: await keySourceOf(...keys),
  authorities: { current: () => ({ found: [] }) },
  outbound: { request: () => Promise.resolve({ ok: false, problem: 'network', detail: 'there is none' }) },
  clock: { nowSeconds: () => NOW, elapsedMs: () => 0 },
  files: new Map(),
});

const keyOptions = { privateNetwork: false };

/** A source of each kind that is built, with one working token of each. */
export const SOURCES: Readonly<Record<string, (more?: Partial<SourceSettings>) => Promise<SourceUnderTest>>> = {
  github: async (more) => {
    const key = await createPlatformKey('RS256');
    const verifier = github.create(settingsOf('github', more), keyOptions, await partsOf(key));
    return under('github', key, verifier, () => githubPush(AUDIENCE, NOW));
  },
  gitlab: async (more) => {
    const key = await createPlatformKey('RS256');
    const verifier = gitlab.create(settingsOf('gitlab', more), keyOptions, await partsOf(key));
    return under('gitlab', key, verifier, () => gitlabPush(AUDIENCE, NOW));
  },
  kubernetes: async (more) => {
    const key = await createPlatformKey('RS256');
    const options = { ...keyOptions, issuer: CLUSTER, otherIssuers: [] };
    const verifier = kubernetes.create(settingsOf('cluster', more), options, await partsOf(key));
    return under('kubernetes', key, verifier, () => kubernetesProjected(CLUSTER, AUDIENCE, NOW));
  },
  spiffe: async (more) => {
    const key = await createPlatformKey('ES256', 'jwt-svid');
    const options = { trustDomain: 'prod.example', bundle: { file: 'bundle.json' }, privateNetwork: false };
    const verifier = spiffe.create(settingsOf('mesh', more), options, await partsOf(key));
    return under('spiffe', key, verifier, () => jwtSvid('spiffe://prod.example/ns/payments/sa/api', AUDIENCE, NOW));
  },
  oidc: async (more) => {
    const key = await createPlatformKey('ES256');
    const options = {
      ...keyOptions,
      issuer: 'https://login.example/',
      subjects: 'workloads' as const,
      tokens: ['jwt' as const],
      pins: [],
      presenter: 'self' as const,
    };
    const verifier = oidc.create(settingsOf('login', more), options, await partsOf(key));
    return under('oidc', key, verifier, () => ({
      iss: 'https://login.example/',
      sub: 'worker-1',
      aud: AUDIENCE,
      iat: NOW,
      exp: NOW + 300,
    }));
  },
};

/** A source of the first claim set of each kind in the deck, with our audience. */
export const DECK_KINDS: typeof SOURCES = Object.fromEntries(
  DECK_SOURCES.map(([name, { kind: wanted }]) => [
    wanted,
    async (more) => {
      const kind = TRUST_KINDS.find((one) => one.kind === wanted);
      if (!kind) throw new Error(`no kind ${wanted}`);
      const { iss } = PLATFORM_CLAIMS[name] ?? {};
      const key = await createPlatformKey('RS256');
      const options = kind.options.parse({
        ...(Object.hasOwn(kind.options.shape, 'issuer') && { issuer: iss }),
        ...(Object.hasOwn(kind.options.shape, 'audience') && { audience: AUDIENCE }),
      });
      const verifier = kind.create(settingsOf(wanted, more), options, await partsOf(key));
      return under(wanted, key, verifier, () => ({ ...PLATFORM_CLAIMS[name], jti: 'one', aud: AUDIENCE }));
    },
  ]),
);

function under(kind: string, key: PlatformKey, verifier: SourceVerifier, claims: () => Claims): SourceUnderTest {
  return { kind, key, claims, verifier, verifiers: createVerifiers([verifier], AUDIENCE), tokenType: JWT_TOKEN_TYPE };
}

/** The reason with which a token is refused, or `proved`. */
export async function verdict(
  source: SourceUnderTest,
  text: string,
  tokenType = source.tokenType,
  now = NOW,
): Promise<string> {
  const result = await source.verifiers.verify({ text, tokenType }, 'subject', now);
  return result.ok ? 'proved' : result.refusal.reason;
}
