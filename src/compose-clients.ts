// OAuth clients, from configuration to the port that authenticates them: the keys of those who sign, the authorities of those who
// have a certificate. Builds by hand; what a client may be is said in verifiers/client-options.ts.

import { pathsOf } from './adapters/http/metadata.ts';
import type { ClientConfig, Config } from './config/config.ts';
import type { ClientMethod } from './core/client.ts';
import type { AskingClient } from './core/decision.ts';
import type { Clients, Verifiers } from './core/ports.ts';
import type { CachedKeys, KeyCaches } from './keys/key-caches.ts';
import { closest } from './parsing/closest.ts';
import { readPemCertificates } from './parsing/pem.ts';
import { problemAt } from './parsing/problems.ts';
import { parseSpiffeId } from './parsing/spiffe-id.ts';
import type { Problem } from './parsing/yaml.ts';
import { CLIENT_ASSERTION } from './platforms/client.ts';
import { createClients } from './verifiers/client-auth.ts';
import type { ClientSettings } from './verifiers/client-kind.ts';
import { type ClientOptions, clientKeyOrigin, clientSettings } from './verifiers/client-options.ts';
import { registeredClient } from './verifiers/client-secret.ts';
import { type Certificate, readCertificate } from './x509/certificate.ts';

/** One client, ready to be authenticated; `keys` where it signs assertions. */
export interface OpenClient {
  readonly settings: ClientSettings;
  readonly keys: CachedKeys | undefined;
}

export interface ClientsOpened {
  readonly clients: readonly OpenClient[];
  readonly problems: readonly Problem[];
}

/** Opens the keys and authorities of every client. */
export async function openClients(config: Config, caches: KeyCaches): Promise<ClientsOpened> {
  const clients: OpenClient[] = [];
  const problems: Problem[] = [];
  for (const client of config.clients) {
    problems.push(...unknownNames(config, client));
    const opened = await openClient(config, client, caches);
    if ('message' in opened) problems.push(opened);
    else clients.push(opened);
  }
  return { clients, problems };
}

async function openClient(
  config: Config,
  { id, options }: ClientConfig,
  caches: KeyCaches,
): Promise<OpenClient | Problem> {
  const parsed = parsedOptions(options);
  const origin = clientKeyOrigin(parsed);
  const opened =
    origin &&
    (await caches.open(origin, { algorithms: CLIENT_ASSERTION.algorithms, files: config.files, bundles: new Map() }));
  if (opened && !opened.ok) return problemAt(config.document, ['clients', id, 'jwks'], opened.problem);
  const authorities = authoritiesOf(config.files.get(parsed.certificate?.ca ?? ''));
  if (typeof authorities === 'string')
    return problemAt(config.document, ['clients', id, 'certificate', 'ca'], authorities);
  const keys = opened?.opened;
  return { settings: clientSettings(id, parsed, { keys: keys?.keys, authorities }), keys };
}

/** The schema has judged and transformed them; its types are lost where configuration is a function of its kinds. */
export const parsedOptions = (options: ClientConfig['options']) => options as ClientOptions;

/** What nobody could ever prove or present, because nothing else in the configuration has that name. */
function unknownNames({ document, sources, targets }: Config, { id, options }: ClientConfig): readonly Problem[] {
  const { spiffe, presents, introspects } = parsedOptions(options);
  const trustDomain = spiffe?.split('/').slice(0, 3).join('/');
  const audiences = new Set([...sources.map(({ audience }) => audience), ...targets.map(({ address }) => address)]);
  return [
    ...(trustDomain === undefined || sources.some(({ issuer }) => issuer === trustDomain)
      ? []
      : [problemAt(document, ['clients', id, 'spiffe'], `no trust source has the trust domain of ${spiffe}`)]),
    ...presents.flatMap((audience, index) =>
      audiences.has(audience)
        ? []
        : [
            problemAt(
              document,
              ['clients', id, 'presents', index],
              `${audience} is the audience of no trust source and no target`,
            ),
          ],
    ),
    ...introspects.flatMap((name, index) => {
      const problem = introspectsProblem(targets, name);
      return problem === undefined ? [] : [problemAt(document, ['clients', id, 'introspects', index], problem)];
    }),
  ];
}

/** Only tokens are introspected. */
function introspectsProblem(targets: Config['targets'], name: string): string | undefined {
  const tokens = targets.filter(({ kind }) => kind === 'token').map((target) => target.name);
  if (tokens.includes(name)) return undefined;
  if (targets.some((target) => target.name === name)) return `${name} is no target of kind token: it has no tokens`;
  const near = closest(name, tokens);
  return `${name} is no target${near === undefined ? '' : `; did you mean ${near}?`}`;
}

/** The authorities of a PEM file, or what is wrong with it. */
function authoritiesOf(text: string | undefined): readonly Certificate[] | string {
  if (text === undefined) return [];
  const pem = readPemCertificates(text);
  if (!pem.ok) return `the file ${pem.problem}`;
  const authorities: Certificate[] = [];
  for (const [index, der] of pem.ders.entries()) {
    const read = readCertificate(der);
    if (!read.ok) return `certificate ${index + 1} of the file cannot be used (${read.problem})`;
    authorities.push(read.certificate);
  }
  return Object.freeze(authorities);
}

export const clientsOf = (config: Config, clients: readonly OpenClient[], verifiers: Verifiers): Clients =>
  createClients({
    clients: clients.map(({ settings }) => settings),
    verifiers,
    ownIssuer: config.issuer,
    tokenEndpoint: new URL(config.issuer).origin + pathsOf(config.issuer).token,
  });

/** A client as policy would see it, were it proved. One of several workloads has no name of its own before that. */
export function assumedClient(config: Config, { id, method }: ClientSettings): AskingClient {
  const spiffeId = method.by === 'spiffe' ? parseSpiffeId(method.pattern) : undefined;
  if (!spiffeId) return { id, principal: registeredClient(id, config.issuer) };
  const { text, trustDomain } = spiffeId;
  const issuer = `spiffe://${trustDomain}`;
  const source = config.sources.find((one) => one.kind === 'spiffe' && one.issuer === issuer)?.name ?? '';
  return { id, principal: { source, kind: 'spiffe', issuer, subject: text, name: text, claims: { sub: text } } };
}

/** By which methods somebody can authenticate, as the metadata says. */
export function clientMethods(config: Config, clients: readonly OpenClient[]): readonly ClientMethod[] {
  const by = new Set(clients.map(({ settings }) => settings.method.by));
  const spiffe = config.sources.some(({ kind }) => kind === 'spiffe');
  return [
    ...(by.has('secret') ? (['client_secret_basic', 'client_secret_post'] as const) : []),
    ...(by.has('jwks') ? (['private_key_jwt'] as const) : []),
    ...(by.has('certificate') ? (['tls_client_auth'] as const) : []),
    ...(spiffe ? (['spiffe_jwt', 'spiffe_x509'] as const) : []),
  ];
}
