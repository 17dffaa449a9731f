// Opens the trust bundle of one origin: a file, a bundle endpoint, or a Workload API. Who proves an endpoint is settled here:
// its name (`https_web`), or an SVID under the latest bundle of the trust domain that its ID is of (`https_spiffe`, SPIFFE
// Federation §5.2; SF-04, SF-09). Profile, URL and ID are the operator's words; nothing is inferred (SF-05).

import type {
  BundleOrigin,
  KeyOrigin,
  KeySource,
  Outbound,
  OutboundRequest,
  SignatureAlgorithm,
  TlsIdentity,
  WorkloadApi,
} from '../core/outside.ts';
import type { Clock, RandomBytes } from '../core/ports.ts';
import { parseSpiffeId } from '../parsing/spiffe-id.ts';
import type { Authorities } from '../x509/authorities.ts';
import type { Certificate } from '../x509/certificate.ts';
import { createBundleEndpoint } from './bundle-endpoint.ts';
import { type EndpointServerParts, judgeEndpointServer } from './endpoint-server.ts';
import type { IgnoredKey } from './jwk-set.ts';
import { createPinnedKeys } from './pinned-keys.ts';
import type { KeysEvent, KeysStatus } from './status.ts';
import { readBundleFile } from './trust-bundles.ts';
import { createWorkloadBundle } from './workload-bundles.ts';

/** What one configuration opens its origins with. */
export interface OpenWith {
  /** Whose keys they are, where they are a source's: in `dev` each source has a key of its own. */
  readonly source?: string;
  readonly algorithms: readonly SignatureAlgorithm[];
  /** The text of every file that configuration names, by absolute path. */
  readonly files: ReadonlyMap<string, string>;
  /** The bundle of every trust domain in it: one may vouch for the endpoint of another (SPIFFE Federation §5.2.2). */
  readonly bundles: ReadonlyMap<string, BundleOrigin>;
}

export interface OpenBundleParts {
  readonly outbound: Outbound;
  readonly clock: Clock;
  readonly randomBytes: RandomBytes;
  /** The one client of each Workload API; whoever makes it owns it. */
  readonly workloadApi: (socket: string) => WorkloadApi;
  /** Our own X.509-SVID, for endpoints that ask for one (`https_spiffe`). */
  readonly identity: () => TlsIdentity | undefined;
  readonly onEvent: (event: KeysEvent) => void;
}

export interface OpenedBundle {
  readonly keys: KeySource & { readonly authorities: Authorities; status(): KeysStatus; close(): void };
  readonly ignored: readonly IgnoredKey[];
}

export type BundleOpened =
  | { readonly ok: true; readonly opened: OpenedBundle }
  /** `at`: the option of the source that is wrong. */
  | { readonly ok: false; readonly problem: string; readonly at: readonly string[] };

type BundleContext = OpenWith & { readonly voucher: Authorities | undefined };
type Endpoint = Extract<BundleOrigin, { from: 'bundle_endpoint' }>;

/** The trust domain whose bundle must prove an endpoint, where it is another than the endpoint serves. */
export function voucherNeeded(origin: KeyOrigin): string | undefined {
  if (origin.from !== 'bundle_endpoint' || origin.profile.name !== 'https_spiffe') return undefined;
  const domain = parseSpiffeId(origin.profile.endpointId)?.trustDomain;
  return domain === origin.trustDomain ? undefined : domain;
}

/** `voucher`: the authorities of the trust domain that `voucherNeeded` names. */
export async function openBundle(
  parts: OpenBundleParts,
  origin: BundleOrigin,
  context: BundleContext,
): Promise<BundleOpened> {
  const demands = { trustDomain: origin.trustDomain, algorithms: context.algorithms };
  switch (origin.from) {
    case 'bundle': {
      const text = context.files.get(origin.file);
      if (text === undefined) return failed('the file was not read', 'bundle');
      const read = await readBundleFile(text, demands);
      if (!read.ok) return failed(read.problem, 'bundle');
      const { keys, authorities, ignored } = read.bundle;
      return { ok: true, opened: { keys: createPinnedKeys(keys, { certificates: authorities }), ignored } };
    }
    case 'bundle_endpoint':
      return openEndpoint(parts, origin, context);
    case 'workload_api': {
      const keys = createWorkloadBundle({ ...demands, api: parts.workloadApi(origin.socket), onEvent: parts.onEvent });
      return { ok: true, opened: { keys, ignored: [] } };
    }
  }
}

const failed = (problem: string, ...at: readonly string[]) => ({ ok: false, problem, at }) as const;

async function openEndpoint(parts: OpenBundleParts, origin: Endpoint, context: BundleContext): Promise<BundleOpened> {
  const { trustDomain, url, privateNetwork, staleSecondsMax } = origin;
  const { algorithms, voucher } = context;
  const bootstrap = await readBootstrap(origin, context);
  if (!bootstrap.ok) return bootstrap;
  // What was taken last proves the next fetch, however old it has grown: the bootstrap may hold what was taken out since.
  let latest = bootstrap.authorities;
  const anchors = () => (voucher ? known(voucher) : latest);
  const keys = createBundleEndpoint({
    ...parts,
    trustDomain,
    algorithms,
    url,
    privateNetwork,
    staleSecondsMax,
    server: serverProof(origin, context, { anchors, nowSeconds: parts.clock.nowSeconds }),
    identity: origin.profile.name === 'https_spiffe' ? parts.identity : () => undefined,
    onAuthorities(authorities) {
      latest = authorities;
    },
  });
  keys.start();
  return { ok: true, opened: { keys, ignored: [] } };
}

function known(authorities: Authorities): readonly Certificate[] | undefined {
  const { found } = authorities.current();
  return found === 'unavailable' ? undefined : found;
}

/** What proves an endpoint of its own trust domain before the first fetch. */
async function readBootstrap({ trustDomain, profile }: Endpoint, { algorithms, files, voucher }: BundleContext) {
  if (profile.name === 'https_web' || voucher) return { ok: true, authorities: [] } as const;
  const text = profile.bootstrap === undefined ? undefined : files.get(profile.bootstrap);
  if (text === undefined) return failed('the file was not read', 'bundle', 'bootstrap');
  const read = await readBundleFile(text, { trustDomain, algorithms });
  if (!read.ok) return failed(read.problem, 'bundle', 'bootstrap');
  const { authorities } = read.bundle;
  if (authorities.length === 0) return failed('has no X.509 authority to prove the endpoint by', 'bundle', 'bootstrap');
  return { ok: true, authorities } as const;
}

function serverProof(
  { profile, ca }: Endpoint,
  { files }: BundleContext,
  spiffe: Omit<EndpointServerParts, 'endpointId'>,
): Pick<OutboundRequest, 'ca' | 'serverProblem'> {
  if (profile.name === 'https_spiffe')
    return { serverProblem: judgeEndpointServer({ endpointId: profile.endpointId, ...spiffe }) };
  const text = ca === undefined ? undefined : files.get(ca);
  return text === undefined ? {} : { ca: text };
}
