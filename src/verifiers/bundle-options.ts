// The options that say where the bundle of a SPIFFE trust domain comes from: a file, a bundle endpoint, or the Workload API. What
// decides whom an endpoint is proved by is written out and never inferred (SPIFFE Federation §5.1, SF-05).

import { z } from 'zod';
import type { BundleOrigin } from '../core/outside.ts';
import { durationSeconds } from '../parsing/duration.ts';
import { parseEndpointSocket } from '../parsing/endpoint-socket.ts';
import { parseSpiffeId } from '../parsing/spiffe-id.ts';
import { issuerProblem } from '../parsing/uri.ts';

const path = z.string().min(1);

const bundleFile = z.strictObject({
  file: path.describe('a SPIFFE bundle in JSON, a map of bundles, or PEM certificates; relative to this file'),
});

const bundleEndpoint = z.strictObject({
  url: z
    .string()
    .superRefine((text, context) => {
      const problem = issuerProblem(text);
      if (problem) context.addIssue({ code: 'custom', message: problem });
    })
    .describe('the https URL of a SPIFFE bundle endpoint'),
  profile: z
    .enum(['https_web', 'https_spiffe'])
    .describe('how the endpoint is proved: by its host name, or by an X.509-SVID of its own'),
  endpointId: z
    .string()
    .refine((text) => (parseSpiffeId(text)?.path ?? '') !== '', 'must be the SPIFFE ID of a workload')
    .optional()
    .describe('`https_spiffe`: the SPIFFE ID that the endpoint must prove'),
  bootstrap: path
    .optional()
    .describe(
      '`https_spiffe` of the same trust domain: the bundle that proves the endpoint at first; relative to this file',
    ),
  ca: path.optional().describe("`https_web`: PEM certificates to trust instead of the system's; relative to this file"),
  maxStale: durationSeconds.optional().describe('how old the last good bundle may grow; for ever unless written'),
});

type Endpoint = z.infer<typeof bundleEndpoint>;

/** `bundle`, `workloadApi` and `privateNetwork`, as fields of a kind's options. */
export const bundleOptions = {
  bundle: z.union([bundleFile, bundleEndpoint]).optional().describe('where the bundle of the trust domain comes from'),
  workloadApi: z
    .string()
    .superRefine((text, context) => {
      const read = parseEndpointSocket(text);
      if (!read.ok) context.addIssue({ code: 'custom', message: read.problem });
    })
    .optional()
    .describe('the socket of a SPIFFE Workload API that streams the bundle: unix:///absolute/path'),
  privateNetwork: z
    .boolean()
    .default(false)
    .describe('permits private addresses for the bundle endpoint, never link-local or loopback'),
};

export interface BundleOptions {
  readonly trustDomain: string;
  readonly bundle?: { readonly file: string } | Endpoint | undefined;
  readonly workloadApi?: string | undefined;
  readonly privateNetwork: boolean;
}

/** What is wrong with the options together, each with the option where it is said. */
export function* bundleProblems({ trustDomain, bundle, workloadApi }: BundleOptions): Generator<[string[], string]> {
  if (bundle === undefined && workloadApi === undefined) yield [['bundle'], 'is missing; or write `workloadApi`'];
  if (bundle !== undefined && workloadApi !== undefined)
    yield [['workloadApi'], 'stands beside `bundle`: write one of them'];
  if (bundle && 'url' in bundle) yield* endpointProblems(trustDomain, bundle);
}

function* endpointProblems(trustDomain: string, endpoint: Endpoint): Generator<[string[], string]> {
  const { profile, endpointId, bootstrap, ca } = endpoint;
  const at = (option: string): string[] => ['bundle', option];
  if (profile === 'https_web') {
    if (endpointId !== undefined) yield [at('endpointId'), 'is for the profile https_spiffe'];
    if (bootstrap !== undefined) yield [at('bootstrap'), 'is for the profile https_spiffe'];
    return;
  }
  if (ca !== undefined) yield [at('ca'), 'is for the profile https_web'];
  if (endpointId === undefined) {
    yield [at('endpointId'), 'is missing: the profile https_spiffe proves the endpoint by it'];
    return;
  }
  const own = parseSpiffeId(endpointId)?.trustDomain === trustDomain;
  if (own && bootstrap === undefined)
    yield [at('bootstrap'), 'is missing: until it is fetched, nothing else proves an endpoint of its own trust domain'];
  if (!own && bootstrap !== undefined)
    yield [at('bootstrap'), 'is for an endpoint of the same trust domain: the source of the other one proves this one'];
}

/** Where the bundle comes from, by these options. */
export function bundleOriginOf({ trustDomain, bundle, workloadApi, privateNetwork }: BundleOptions): BundleOrigin {
  if (bundle && 'file' in bundle) return { from: 'bundle', trustDomain, file: bundle.file };
  if (!bundle) return { from: 'workload_api', trustDomain, socket: workloadApi ?? '' };
  const { url, profile, endpointId, bootstrap, ca, maxStale } = bundle;
  return {
    from: 'bundle_endpoint',
    trustDomain,
    url,
    profile:
      profile === 'https_spiffe'
        ? { name: profile, endpointId: endpointId ?? '', ...(bootstrap === undefined ? {} : { bootstrap }) }
        : { name: profile },
    ...(maxStale === undefined ? {} : { staleSecondsMax: maxStale }),
    ...(ca === undefined ? {} : { ca }),
    privateNetwork,
  };
}
