// Registered clients of every method beside a SPIFFE trust domain, behind the real authenticator at one fixed instant: what the tests
// of client authentication present credentials to. Certificates are made by test/vectors/x509/mint.ts.

import { createHash } from 'node:crypto';
import { createPlatformKey, jwtSvid, type PlatformKey } from '../../src/adapters/cli/demo/platforms.ts';
import type { PresentedCertificates, PresentedClient } from '../../src/core/client.ts';
import { NO_CLIENT } from '../../src/core/client.ts';
import type { Clients } from '../../src/core/ports.ts';
import type { Refusal } from '../../src/core/refusal.ts';
import { CLIENT_CREDENTIALS_GRANT, type GrantType, TOKEN_EXCHANGE_GRANT } from '../../src/core/request.ts';
import { createClients } from '../../src/verifiers/client-auth.ts';
import type { ClientMethodSettings, ClientSettings } from '../../src/verifiers/client-kind.ts';
import { spiffe } from '../../src/verifiers/jwt-svid.ts';
import { createVerifiers } from '../../src/verifiers/registry.ts';
import { type Certificate, readCertificate } from '../../src/x509/certificate.ts';
import { uri } from '../vectors/x509/encode.ts';
import { createMint, makeKeys, names } from '../vectors/x509/mint.ts';
import { type Plans, present } from '../vectors/x509/vector.ts';
import { AUDIENCE, NOW, partsOf, settingsOf } from './sources.ts';

export const TOKEN_ENDPOINT = `${AUDIENCE}/token`;
export const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
export const JWT_SPIFFE = 'urn:ietf:params:oauth:client-assertion-type:jwt-spiffe';
export const WORKLOAD = 'spiffe://td.example/workload';
export const MINT = createMint(makeKeys(), NOW);

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
export const basic = (id: string, secret: string): string =>
  `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
/** As RFC 6749 §2.3.1 says: both halves form-encoded. */
export const basicEncoded = (id: string, secret: string): string => basic(formEncoded(id), formEncoded(secret));
const formEncoded = (text: string): string => new URLSearchParams([['', text]]).toString().slice(1);

export function certificateOf(der: Uint8Array): Certificate {
  const read = readCertificate(der);
  if (!read.ok) throw new Error(read.problem);
  return read.certificate;
}

/** What a connection presented. */
export function presented(ders: readonly Uint8Array[]): PresentedCertificates {
  const [leaf, ...others] = ders;
  if (!leaf) throw new Error('a connection presents at least one certificate');
  const { thumbprint, notAfterSeconds } = certificateOf(leaf);
  return { ders: [leaf, ...others], thumbprint, notAfterSeconds };
}

/** A chain by the mesh's authority, changed as a vector says. */
export const chainOf = (plans: Plans = {}): PresentedCertificates => presented(present(MINT, plans).chain);
/** An X.509-SVID of another workload of the mesh. */
export const svidOf = (id: string): PresentedCertificates =>
  chainOf({ leaf: { extensions: { names: names(uri(id)) } } });

export interface ClientsUnderTest {
  readonly clients: Clients;
  readonly mesh: PlatformKey;
  readonly signer: PlatformKey;
  readonly other: PlatformKey;
  /** Claims of an assertion of this client that passes. */
  assertion(id: string): Record<string, unknown>;
  jwtSvid(id: string, claims?: object): Promise<string>;
}

/** The registered clients, one of each method, and a second of some. */
export const REGISTERED = {
  shop: 'secret',
  bank: 'secret',
  signer: 'jwks',
  elder: 'jwks',
  edge: 'certificate',
  gateway: 'spiffe',
} as const;
export const SECRETS = { shop: 'shop-secret', bank: 'bank-secret' } as const;

export async function createClientsUnderTest(
  more: Readonly<Record<string, ClientMethodSettings>> = {},
): Promise<ClientsUnderTest> {
  const [mesh, signer, other] = await Promise.all([
    createPlatformKey('ES256', 'jwt-svid'),
    createPlatformKey('ES256'),
    createPlatformKey('ES256'),
  ]);
  const authorities = [certificateOf(MINT.root())];
  const methods: Readonly<Record<string, ClientMethodSettings>> = {
    shop: { by: 'secret', secrets: [{ sha256: sha256(SECRETS.shop), untilSeconds: undefined }] },
    bank: { by: 'secret', secrets: [{ sha256: sha256(SECRETS.bank), untilSeconds: undefined }] },
    signer: { by: 'jwks', keys: (await partsOf(signer)).keys, tokenEndpointAudience: false },
    elder: { by: 'jwks', keys: (await partsOf(other)).keys, tokenEndpointAudience: true },
    edge: { by: 'certificate', authorities, name: { uri: 'https://edge.example/client' } },
    gateway: { by: 'spiffe', pattern: 'spiffe://td.example/gateway' },
    ...more,
  };
  const source = spiffe.create(
    settingsOf('mesh'),
    { trustDomain: 'td.example', bundle: { file: 'unused' }, privateNetwork: false },
    { ...(await partsOf(mesh)), authorities: { current: () => ({ found: authorities }) } },
  );
  const settings = Object.entries(methods).map(
    ([id, method]): ClientSettings => ({ id, presents: [], introspects: [], proofRequired: false, method }),
  );
  return {
    clients: createClients({
      clients: settings,
      verifiers: createVerifiers([source], AUDIENCE),
      ownIssuer: AUDIENCE,
      tokenEndpoint: TOKEN_ENDPOINT,
    }),
    mesh,
    signer,
    other,
    assertion: (id) => ({ iss: id, sub: id, aud: AUDIENCE, iat: NOW, exp: NOW + 60, jti: `jti of ${id}` }),
    jwtSvid: (id, claims = {}) => mesh.sign({ ...jwtSvid(id, AUDIENCE, NOW), ...claims }),
  };
}

/** What became of what was presented: the method that passed, `nobody`, the problem, or the reason. */
export async function verdictOf(
  { clients }: Pick<ClientsUnderTest, 'clients'>,
  credential: Partial<PresentedClient>,
  { grant = TOKEN_EXCHANGE_GRANT, now = NOW }: { readonly grant?: GrantType; readonly now?: number } = {},
): Promise<string> {
  const proved = await clients.authenticate({ ...NO_CLIENT, ...credential }, grant, now);
  if (proved.ok) return proved.value?.method ?? 'nobody';
  return problemOf(proved.refusal);
}

/** The same where the client asks for itself. */
export const verdictOfItself = (world: Pick<ClientsUnderTest, 'clients'>, credential: Partial<PresentedClient>) =>
  verdictOf(world, credential, { grant: CLIENT_CREDENTIALS_GRANT });

function problemOf(refusal: Refusal): string {
  if (refusal.reason === 'client_credential_refused') return `${refusal.method}: ${refusal.problem}`;
  const detail = 'claim' in refusal ? refusal.claim : 'problem' in refusal ? refusal.problem : undefined;
  return detail === undefined ? refusal.reason : `${refusal.reason} ${detail}`;
}
