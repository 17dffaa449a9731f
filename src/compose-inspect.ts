// What `spiffe inspect` works with, composed: the readers of bundles, the verifier of JWT-SVIDs, the judge of endpoints and the client of
// agents that a broker has, each asked once. Addresses are permitted as for every verb of a caller (compose-ask.ts).

import type { AgentSeen } from './adapters/cli/inspect-agent.ts';
import type { BundleSeen } from './adapters/cli/inspect-bundle.ts';
import type { EndpointFetched, EndpointProof, InspectTools, TextRead } from './adapters/cli/inspect-tools.ts';
import { readFileText } from './compose-ask.ts';
import type { World } from './compose-configuration.ts';
import { INSPECT_AGENT_MS, KEY_SET_BYTES_MAX } from './core/limits-outside.ts';
import type { OutboundAnswer } from './core/outside.ts';
import { readBoundedInput } from './files/bounded-file.ts';
import { readAuthorityCertificates } from './keys/bundle-authorities.ts';
import { judgeEndpointServer } from './keys/endpoint-server.ts';
import { readKeySet } from './keys/jwk-set.ts';
import { createPinnedKeys } from './keys/pinned-keys.ts';
import { readBundleFile } from './keys/trust-bundles.ts';
import { createOutbound } from './outbound/fetch.ts';
import { type OpenWorkloadApi, openWorkloadApi } from './outbound/workload-api.ts';
import { parseEndpointSocket } from './parsing/endpoint-socket.ts';
import { decodeUtf8 } from './parsing/json.ts';
import { SPIFFE } from './platforms/spiffe.ts';
import { spiffe } from './verifiers/jwt-svid.ts';

const { algorithms } = SPIFFE;

export const inspectTools = (world: World): InspectTools =>
  Object.freeze({
    nowSeconds: world.clock.nowSeconds,
    readText,
    readBundle: (text, trustDomain) => readBundleFile(text, { trustDomain, algorithms }),
    async judgeJwt(jws, { trustDomain, audience, bundle }) {
      const judged = await verifierOf(world, trustDomain, audience, bundle).verify(
        jws,
        'urn:ietf:params:oauth:token-type:jwt',
        'subject',
        world.clock.nowSeconds(),
      );
      return judged.ok ? undefined : judged.refusal;
    },
    fetchBundle: (url, proof) => fetchBundle(world, url, proof),
    agent: (socket) => askAgent(world, socket),
  } satisfies InspectTools);

async function readText(path: string, bytesMax: number): Promise<TextRead> {
  const read = path === '-' ? await readInput(bytesMax) : await readFileText(path, bytesMax);
  if (!read.ok) return read;
  const text = decodeUtf8(Buffer.from(read.text, 'latin1'));
  return text === undefined ? { ok: false, problem: 'it is not UTF-8' } : { ok: true, text };
}

async function readInput(bytesMax: number): Promise<TextRead> {
  try {
    const text = await readBoundedInput(bytesMax);
    return text === undefined ? { ok: false, problem: `it is more than ${bytesMax} bytes` } : { ok: true, text };
  } catch {
    return { ok: false, problem: 'it cannot be read' };
  }
}

/** A source as configuration would make it, with nothing required beyond the specification. */
function verifierOf(world: World, trustDomain: string, audience: string, { keys, authorities }: BundleSeen) {
  const pinned = createPinnedKeys(keys, { certificates: authorities });
  const settings = {
    name: 'inspected',
    audience,
    ownIssuer: audience,
    otherAudiences: false,
    scopesAreCeiling: false,
    replay: undefined,
    tell: undefined,
    maxAgeSeconds: undefined,
    unmetRequirement: () => undefined,
    require: {},
  };
  return spiffe.create(
    settings,
    { trustDomain, privateNetwork: false },
    {
      keys: pinned,
      authorities: pinned.authorities,
      outbound: createOutbound(),
      clock: world.clock,
      files: new Map(),
    },
  );
}

async function fetchBundle(world: World, url: string, proof: EndpointProof): Promise<EndpointFetched> {
  const outbound = createOutbound({ permitLoopback: true });
  let presented: readonly Uint8Array[] = [];
  const server = serverOf(world, proof, (ders) => {
    presented = ders;
  });
  const answer = await outbound.request({
    url,
    bytesMax: KEY_SET_BYTES_MAX,
    accept: 'application/json',
    privateNetwork: true,
    ...server,
  });
  outbound.close();
  return { presented, ...fetched(answer) };
}

function serverOf(world: World, proof: EndpointProof, seen: (ders: readonly Uint8Array[]) => void) {
  if ('ca' in proof) return proof.ca === undefined ? {} : { ca: proof.ca };
  const { endpointId, authorities } = proof;
  const judge = judgeEndpointServer({ endpointId, anchors: () => authorities, nowSeconds: world.clock.nowSeconds });
  return {
    serverProblem(ders: readonly Uint8Array[]) {
      seen(ders);
      return judge(ders);
    },
  };
}

/** A server that is there and is wrong, told from one that cannot be reached. */
function fetched(answer: OutboundAnswer) {
  if (!answer.ok) {
    const got = ['network', 'timeout', 'address', 'url'].includes(answer.problem) ? 'nothing' : 'bad';
    return { got, problem: `${answer.problem}: ${answer.detail}` } as const;
  }
  const text = decodeUtf8(answer.body);
  return text === undefined
    ? ({ got: 'bad', problem: 'what it serves is not UTF-8' } as const)
    : ({ got: 'text', text } as const);
}

async function askAgent(world: World, socket: string): Promise<AgentSeen | { readonly problem: string }> {
  const read = parseEndpointSocket(socket);
  if (!read.ok) return read;
  const problems = new Map<string, string>();
  const { clock, randomBytes } = world;
  const api = openWorkloadApi({
    socket,
    clock,
    randomBytes,
    onEvent: ({ stream, problem }) => void problems.set(stream, `${stream}: ${problem}`),
  });
  try {
    await settled(api, problems);
    const { identity, status } = { identity: api.identity(), status: api.status() };
    return { status, identity, bundles: await bundlesOf(api), problems: [...problems.values()] };
  } finally {
    api.close();
  }
}

/** Until each stream has said something, or the time is up. */
function settled(api: OpenWorkloadApi, problems: ReadonlyMap<string, string>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = () => {
    if (api.status().state === 'connected' || problems.size >= STREAMS) resolve();
  };
  const stop = api.onChange(look);
  const timer = setInterval(look, LOOK_MS);
  const deadline = setTimeout(resolve, INSPECT_AGENT_MS);
  return promise.finally(() => {
    stop();
    clearInterval(timer);
    clearTimeout(deadline);
  });
}

const STREAMS = 3;
const LOOK_MS = 50;

async function bundlesOf(api: OpenWorkloadApi): Promise<ReadonlyMap<string, BundleSeen>> {
  const [x509, jwt] = [api.x509Bundles() ?? new Map(), api.jwtBundles() ?? new Map<string, string>()];
  const bundles = new Map<string, BundleSeen>();
  for (const domain of new Set([...x509.keys(), ...jwt.keys()])) {
    const set = await readKeySet(jwt.get(domain) ?? '{"keys":[]}', { use: 'jwt-bundle', algorithms });
    const read = readAuthorityCertificates(x509.get(domain) ?? []);
    const ignored = [...(set.ok ? set.ignored : [{ index: 0, why: set.problem }]), ...read.ignored];
    bundles.set(domain, { keys: set.ok ? set.keys : [], authorities: read.authorities, ignored });
  }
  return bundles;
}
