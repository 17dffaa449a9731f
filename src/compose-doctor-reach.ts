// What `doctor` asks of the network: the issuer's documents as the world reads them, the same documents elsewhere, and whether clouds answer.
// No credential goes anywhere; addresses are permitted as for every verb of a caller, but for clouds as for the broker itself.

import type { DoctorQuery } from './adapters/cli/doctor.ts';
import { documentFindings, jwksUriOf, type Served } from './adapters/cli/doctor-documents.ts';
import { clockFinding, type Fetched, type Reach, reached } from './adapters/cli/doctor-reach.ts';
import { about, type Finding } from './adapters/cli/doctor-report.ts';
import { METADATA_PATH, type PublicDocuments } from './adapters/cli/public-documents.ts';
import { issuerProblems } from './adapters/cli/setup-aws.ts';
import { readFileText } from './compose-ask.ts';
import type { World } from './compose-configuration.ts';
import { targetKindOf } from './compose-kinds.ts';
import type { Config } from './config/config.ts';
import { CLOUD_ANSWER_BYTES_MAX } from './core/limits-cloud.ts';
import { CA_FILE_BYTES_MAX, KEY_SET_BYTES_MAX } from './core/limits-outside.ts';
import type { OutboundRequest } from './core/outside.ts';
import { createOutbound } from './outbound/fetch.ts';

export interface Reaching {
  readonly world: World;
  readonly config: Config;
  readonly query: DoctorQuery;
  /** The broker runs here. */
  readonly here: boolean;
  readonly own: PublicDocuments | undefined;
}

type Ask = (request: Omit<OutboundRequest, 'accept' | 'dated'>) => Promise<Fetched>;

/** Asks, and closes what it asked by. */
async function asking<Value>(
  { clock }: World,
  permitLoopback: boolean,
  work: (ask: Ask) => Promise<Value>,
): Promise<Value> {
  const outbound = createOutbound({ permitLoopback });
  try {
    return await work(async (request) => {
      const startMs = clock.elapsedMs();
      const answer = await outbound.request({ ...request, accept: 'application/json', dated: true });
      return { url: request.url, elapsedMs: clock.elapsedMs() - startMs, answer };
    });
  } finally {
    outbound.close();
  }
}

const clouded = ({ targets }: Config) => targets.filter((target) => targetKindOf(target).cloud !== undefined);

/** The documents below the issuer's URL, and where else they are said to be. */
export async function servedFindings(reaching: Reaching): Promise<readonly Finding[]> {
  const { world, config, query } = reaching;
  const read = query.ca === undefined ? undefined : await readFileText(query.ca, CA_FILE_BYTES_MAX);
  if (read && !read.ok)
    return [about('documents').unknown(`${query.ca}: ${read.problem}`, '--ca names a file of PEM certificates')];
  const ca = read?.text;
  return asking(world, true, async (ask) => {
    const { issuer } = config;
    const served = await fetchServed(ask, issuer, ca);
    const { answer } = served.metadata;
    const facts = { issuer, own: reaching.own };
    const sent = answer.ok ? answer.sentAtSeconds : undefined;
    return [
      ...issuerFindings(config),
      ...documentFindings(served, { ...facts, reach: documentsReach(reaching) }),
      ...privateAuthority(reaching, ca !== undefined && answer.ok),
      ...clockFinding(new URL(issuer).host, sent, world.clock.nowSeconds()),
      ...(query.published === undefined
        ? []
        : documentFindings(await fetchPublished(ask, query.published), { ...facts, reach: publishedReach(reaching) })),
    ];
  });
}

async function fetchServed(ask: Ask, issuer: string, ca: string | undefined): Promise<Served> {
  const how = { bytesMax: KEY_SET_BYTES_MAX, privateNetwork: true, ...(ca === undefined ? {} : { ca }) };
  const metadata = await ask({ url: `${issuer.replace(/\/$/, '')}/${METADATA_PATH}`, ...how });
  const text = metadata.answer.ok ? Buffer.from(metadata.answer.body).toString() : '';
  const uri = jwksUriOf(text);
  return { metadata, jwks: uri === undefined ? undefined : await ask({ url: uri, ...how }) };
}

/** Elsewhere the key set stands where it stands below the issuer: what `jwks_uri` says is the issuer's own place. */
async function fetchPublished(ask: Ask, base: string): Promise<Served> {
  const how = { bytesMax: KEY_SET_BYTES_MAX, privateNetwork: true };
  const at = (path: string): string => `${base.replace(/\/$/, '')}/${path}`;
  return {
    metadata: await ask({ url: at(METADATA_PATH), ...how }),
    jwks: await ask({ url: at('.well-known/jwks.json'), ...how }),
  };
}

const documentsReach = ({ here }: Reaching): Reach => ({
  area: 'documents',
  here,
  mend: {
    tls: 'a certificate that clouds take is of a public authority, for the host of the issuer and with its whole chain; --ca names another authority',
    network:
      'the address of the issuer must lead to the broker: DNS, route, firewall; or `exchequer keys publish` puts the documents into a bucket there',
    answer:
      'whatever serves the URL of the issuer must give these documents as the broker does: no cache older than a day, no other broker, no page of its own; `exchequer keys publish` writes them anew',
  },
});

const publishedReach = (reaching: Reaching): Reach => ({
  ...documentsReach(reaching),
  area: 'published',
});

function issuerFindings(config: Config): readonly Finding[] {
  if (!clouded(config).some(({ kind }) => kind === 'aws')) return [];
  const { fail } = about('issuer');
  return issuerProblems(config.issuer).map((problem) =>
    fail(problem, 'another issuer is another `iss` in every token: choose it before anybody trusts this one'),
  );
}

/** CA-01: AWS judges by public authorities, and so do Google Cloud and Azure. */
function privateAuthority({ config }: Reaching, named: boolean): readonly Finding[] {
  if (!named || clouded(config).length === 0) return [];
  return [
    about('documents').warn(
      'the certificate is judged by the authority that --ca names; clouds know public ones alone',
      'run doctor without --ca from outside, or give clouds the keys with `exchequer keys publish`',
    ),
  ];
}

/** Whether each cloud answers, by the names of its targets. */
export async function cloudFindings({ world, config, here }: Reaching): Promise<readonly Finding[]> {
  const places = new Map<string, { readonly names: string[]; readonly request: Omit<OutboundRequest, 'accept'> }>();
  for (const target of clouded(config))
    for (const { url, ca, privateNetwork } of targetKindOf(target).cloud?.endpoints(target.options, config.files) ??
      []) {
      const key = JSON.stringify([url, ca, privateNetwork]);
      const place = places.get(key) ?? {
        names: [],
        // An empty question: what it is refused with does not matter.
        request: {
          url,
          bytesMax: CLOUD_ANSWER_BYTES_MAX,
          privateNetwork,
          refusals: true as const,
          body: { mediaType: 'application/x-www-form-urlencoded', text: '' },
          ...(ca === undefined ? {} : { ca }),
        },
      };
      if (!place.names.includes(target.name)) place.names.push(target.name);
      places.set(key, place);
    }
  return asking(world, world.permitLoopback ?? false, async (ask) => {
    const found = await Promise.all(
      [...places.values()].map(async ({ names, request }) => {
        const fetched = await ask(request);
        const { answer } = fetched;
        return [
          reached(fetched, cloudReach(names, here)),
          ...clockFinding(
            new URL(request.url).host,
            answer.ok ? answer.sentAtSeconds : undefined,
            world.clock.nowSeconds(),
          ),
        ];
      }),
    );
    return found.flat();
  });
}

const cloudReach = (names: readonly string[], here: boolean): Reach => ({
  area: `target ${names.join(', ')}`,
  here,
  mend: {
    tls: 'a proxy that opens TLS stands between; `ca` of the target names the authority of a private endpoint',
    network:
      'the broker must reach the cloud: DNS, route, firewall; `privateNetwork: true` of the target where it has a private address',
    answer: '`endpoint` of the target',
  },
});
